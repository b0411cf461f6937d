#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace lrti::nn {

/// What lies outside the frame: nothing, or the nearest pixel of its border.
enum class Padding { kZeros, kBorder };

/// Samples images where backward flow points to:
///
///     warped(p) = x(p + flow(p)),   bilinear
///
/// Made for one frame size; holds the pixel grid, so that a sweep over many frames builds it once.
///
/// Shapes  x: [B, C, H, W]; flow: [B, 2, H, W] in pixels, channel 0 horizontal; returns x's shape.
/// Types   samples in the wider of the two types and answers in x's; keep flow in fp32 or wider.
/// Errors  c10::Error where a shape does not fit.
class FlowWarp {
 public:
  /// The grid takes type and device from `options`, those of the flow.
  FlowWarp(int64_t height, int64_t width, const at::TensorOptions& options);

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& flow, Padding padding) const;

 private:
  int64_t height_;
  int64_t width_;
  at::Tensor grid_;   // [1, H, W, 2], corners at -1 and 1
  at::Tensor scale_;  // [2], pixels to grid units
};

}  // namespace lrti::nn
