#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace lrti::nn {

/// Patch alignment: moves each patch of a frame as one piece, by the mean of its flow rounded to
/// whole pixels, so that no feature is blurred:
///
///     warped(p) = x(p + round(mean of the flow over p's patch))
///
/// Patches are squares of side `patch`, the last ones enlarged by mirrored flow where they stick
/// out. What comes from outside the frame is zero. The public code rounds positions, not motions:
/// the same unless a mean lies halfway between two pixels. No gradient reaches the flow.
///
/// Shapes  x: [B, C, H, W]; flow: [B, 2, H, W] in pixels, channel 0 horizontal; returns x's shape,
///         channels last in memory. A frame's sides are above half a patch.
/// Types   answers in x's; keep flow in fp32 or wider.
/// Errors  c10::Error where a shape does not fit or a frame is too small.
/// Source  PSRT, Shi et al., NeurIPS 2022, arXiv:2207.08494.
class PatchWarp {
 public:
  /// For frames of one size; `options` say on which device.
  PatchWarp(int64_t height, int64_t width, int64_t patch, const at::TensorOptions& options);

  at::Tensor operator()(const at::Tensor& x, const at::Tensor& flow) const;

  /// The smallest side of a frame.
  static int64_t SideMin(int64_t patch) { return patch / 2 + 1; }

 private:
  at::Tensor Motion(const at::Tensor& flow) const;

  int64_t height_;
  int64_t width_;
  int64_t patch_;
  at::Tensor columns_;  // [1, 1, W], fp64
  at::Tensor rows_;     // [1, H, 1], fp64
};

}  // namespace lrti::nn
