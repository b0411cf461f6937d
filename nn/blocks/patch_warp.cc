#include "nn/blocks/patch_warp.h"

#include <torch/torch.h>

namespace lrti::nn {
namespace {

int64_t Missing(int64_t size, int64_t multiple) { return (multiple - size % multiple) % multiple; }

at::Tensor Inside(const at::Tensor& place, int64_t size) {
  return (place >= 0).logical_and_(place <= static_cast<double>(size - 1));
}

}  // namespace

PatchWarp::PatchWarp(int64_t height, int64_t width, int64_t patch, const at::TensorOptions& options)
    : height_(height), width_(width), patch_(patch) {
  TORCH_CHECK(height >= SideMin(patch) && width >= SideMin(patch), "frames of ", height, "x", width,
              " are too small for patches of ", patch, "; at least ", SideMin(patch), "x",
              SideMin(patch));
  const auto exact = options.dtype(at::kDouble);
  columns_ = at::arange(width, exact).view({1, 1, width});
  rows_ = at::arange(height, exact).view({1, height, 1});
}

// Whole pixels by which each place moves, [B, 2, H, W], fp64.
at::Tensor PatchWarp::Motion(const at::Tensor& flow) const {
  at::Tensor padded = flow.detach();
  const int64_t below = Missing(height_, patch_);
  const int64_t right = Missing(width_, patch_);
  if (below > 0 || right > 0) padded = at::reflection_pad2d(padded, {0, right, 0, below});
  const at::Tensor mean = at::avg_pool2d(padded, patch_).round_().to(at::kDouble);
  const int64_t down = mean.size(2);
  const int64_t across = mean.size(3);
  return mean.view({-1, 2, down, 1, across, 1})
      .expand({-1, -1, -1, patch_, -1, patch_})
      .reshape({-1, 2, down * patch_, across * patch_})
      .slice(2, 0, height_)
      .slice(3, 0, width_);
}

at::Tensor PatchWarp::operator()(const at::Tensor& x, const at::Tensor& flow) const {
  TORCH_CHECK(x.dim() == 4 && x.size(2) == height_ && x.size(3) == width_,
              "PatchWarp: expected images [B, C, ", height_, ", ", width_, "], got ", x.sizes());
  TORCH_CHECK(flow.sizes() == at::IntArrayRef({x.size(0), 2, height_, width_}),
              "PatchWarp: expected flow [", x.size(0), ", 2, ", height_, ", ", width_, "], got ",
              flow.sizes());
  const int64_t batch = x.size(0);
  const int64_t pixels = height_ * width_;
  const at::Tensor motion = Motion(flow);
  const at::Tensor column = columns_ + motion.select(1, 0);
  const at::Tensor row = rows_ + motion.select(1, 1);
  const at::Tensor outside =
      Inside(column, width_).logical_and_(Inside(row, height_)).logical_not_();
  const at::Tensor image = at::arange(batch, columns_.options()).view({batch, 1, 1}) * pixels;
  const at::Tensor from = (image + row * width_ + column).masked_fill_(outside, 0).to(at::kLong);
  return x.permute({0, 2, 3, 1})
      .reshape({batch * pixels, x.size(1)})
      .index_select(0, from.flatten())
      .masked_fill_(outside.view({-1, 1}), 0)
      .view({batch, height_, width_, x.size(1)})
      .permute({0, 3, 1, 2});
}

}  // namespace lrti::nn
