#include "nn/blocks/flow_warp.h"

#include <torch/torch.h>

#include <algorithm>

namespace lrti::nn {
namespace {

constexpr int64_t kBilinear = 0;  // grid_sampler's numbers
constexpr int64_t kZeroPadding = 0;
constexpr int64_t kBorderPadding = 1;

double UnitsPerPixel(int64_t size) {
  return 2.0 / static_cast<double>(std::max<int64_t>(size - 1, 1));
}

at::Tensor Axis(int64_t size, const at::TensorOptions& options) {
  return at::arange(size, options).mul_(UnitsPerPixel(size)).sub_(1.0);
}

}  // namespace

FlowWarp::FlowWarp(int64_t height, int64_t width, const at::TensorOptions& options)
    : height_(height), width_(width) {
  const at::Tensor x = Axis(width, options).view({1, width}).expand({height, width});
  const at::Tensor y = Axis(height, options).view({height, 1}).expand({height, width});
  grid_ = at::stack({x, y}, -1).unsqueeze(0);
  // Filled in on the device: a copy from main memory would wait for all that a GPU has to do.
  scale_ = at::stack(
      {at::full({}, UnitsPerPixel(width), options), at::full({}, UnitsPerPixel(height), options)});
}

at::Tensor FlowWarp::operator()(const at::Tensor& x, const at::Tensor& flow,
                                Padding padding) const {
  TORCH_CHECK(x.dim() == 4 && x.size(2) == height_ && x.size(3) == width_,
              "FlowWarp: expected images [B, C, ", height_, ", ", width_, "], got ", x.sizes());
  TORCH_CHECK(flow.sizes() == at::IntArrayRef({x.size(0), 2, height_, width_}),
              "FlowWarp: expected flow [", x.size(0), ", 2, ", height_, ", ", width_, "], got ",
              flow.sizes());
  const at::Tensor places = at::addcmul(grid_, flow.permute({0, 2, 3, 1}), scale_);
  const at::ScalarType wide = at::promote_types(x.scalar_type(), places.scalar_type());
  return at::grid_sampler(x.to(wide), places.to(wide), kBilinear,
                          padding == Padding::kZeros ? kZeroPadding : kBorderPadding,
                          /*align_corners=*/true)
      .to(x.scalar_type());
}

}  // namespace lrti::nn
