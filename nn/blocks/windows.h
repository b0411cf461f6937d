#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace lrti::nn {

/// Where windows lie: on the frame's own grid, or on one shifted by half a window right and down,
/// which wraps around at the far sides.
enum class Arrangement { kPlain, kShifted };

/// The square windows of frames of one size. A frame whose sides are no multiples of the window is
/// enlarged to the right and below.
///
/// Tokens of images are [F, B, H, W, C]: F frames of B samples. Tokens of windows are
/// [F, N, P, C]: N = B times the windows of a frame, row by row; P = window^2, row by row. Each of
/// the moves below is one copy of contiguous tokens, and its gradient the copy back.
/// Source  Swin, Liu et al., ICCV 2021, arXiv:2103.14030.
class Windows {
 public:
  /// `options`: type and device of the mask.
  Windows(int64_t batch, int64_t height, int64_t width, int64_t window,
          const at::TensorOptions& options);

  /// Images to windows; tokens outside the frame are zero.
  at::Tensor Split(const at::Tensor& images, Arrangement to) const;

  /// Windows to windows.
  at::Tensor Rearranged(const at::Tensor& windows, Arrangement from, Arrangement to) const;

  /// Windows to images.
  at::Tensor Joined(const at::Tensor& windows, Arrangement from) const;

  /// `windows` with zeros outside the frame.
  at::Tensor ZeroedOutside(const at::Tensor& windows, Arrangement arrangement) const;

  /// One number for each of the B samples, [B], as one for each window, [N, 1, 1].
  at::Tensor OfSamples(const at::Tensor& numbers) const;

  /// What the score of two tokens of a window takes on: -100 where they are neighbours only because
  /// the grid wraps around, [N, P, P]. Undefined for plain windows.
  at::Tensor Mask(Arrangement arrangement) const;

 private:
  // The pixels, counted in the enlarged image, in the order in which windows hold them.
  struct Order {
    at::Tensor pixels;   // of each token
    at::Tensor tokens;   // of each pixel
    at::Tensor outside;  // [windows of a frame, P, 1]: outside the frame
  };

  at::Tensor ByWindow(const at::Tensor& grid) const;
  Order OrderOf(const at::Tensor& pixels) const;
  at::Tensor RegionMask(const at::TensorOptions& options) const;
  const Order& In(Arrangement arrangement) const {
    return arrangement == Arrangement::kPlain ? plain_ : shifted_;
  }

  int64_t batch_;
  int64_t height_;
  int64_t width_;
  int64_t window_;
  int64_t rows_;  // of the enlarged image
  int64_t columns_;
  Order plain_;
  Order shifted_;
  at::Tensor mask_;
};

}  // namespace lrti::nn
