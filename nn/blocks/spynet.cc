#include "nn/blocks/spynet.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <string>

#include "nn/blocks/conv.h"
#include "nn/blocks/flow_warp.h"

namespace lrti::nn {
namespace {

constexpr int kLevels = 6;
constexpr std::array<int64_t, 6> kWidths = {8, 32, 64, 32, 16, 2};
constexpr int64_t kSideMultiple = int64_t{1} << (kLevels - 1);

int64_t RoundedUp(int64_t side) {
  return (side + kSideMultiple - 1) / kSideMultiple * kSideMultiple;
}

at::Tensor Resized(const at::Tensor& images, int64_t height, int64_t width) {
  if (images.size(-2) == height && images.size(-1) == width) return images;
  return at::upsample_bilinear2d(images, {height, width}, /*align_corners=*/false);
}

}  // namespace

SpynetLevel::SpynetLevel() {
  auto chain = register_module("basic_module", std::make_shared<torch::nn::Module>());
  for (size_t i = 0; i + 1 < kWidths.size(); ++i) {
    // Every other place is a ReLU's.
    convs_.push_back(
        chain->register_module(std::to_string(2 * i), SameConv(kWidths[i], kWidths[i + 1], 7)));
  }
}

at::Tensor SpynetLevel::Forward(const at::Tensor& input) {
  at::Tensor y = input.contiguous(at::MemoryFormat::ChannelsLast);
  for (torch::nn::Conv2d& conv : convs_) {
    y = conv(y);
    if (&conv != &convs_.back()) y.relu_();
  }
  return y;
}

Spynet::Spynet() {
  auto list = register_module("basic_module", std::make_shared<torch::nn::Module>());
  for (int level = 0; level < kLevels; ++level) {
    auto module = std::make_shared<SpynetLevel>();
    levels_.push_back(list->register_module(std::to_string(level), std::move(module)));
  }
  mean_ = register_buffer("mean", at::tensor({0.485f, 0.456f, 0.406f}).view({1, 3, 1, 1}));
  std_ = register_buffer("std", at::tensor({0.229f, 0.224f, 0.225f}).view({1, 3, 1, 1}));
}

at::Tensor Spynet::Forward(const at::Tensor& reference, const at::Tensor& support) {
  TORCH_CHECK(reference.sizes() == support.sizes(), "Spynet: reference is ", reference.sizes(),
              " but support is ", support.sizes());
  return Flow(Levels(reference), Levels(support), reference.size(2), reference.size(3));
}

Spynet::Pyramid Spynet::Levels(const at::Tensor& images) const {
  TORCH_CHECK(images.dim() == 4 && images.size(1) == 3,
              "Spynet: expected images [B, 3, H, W], got ", images.sizes());
  at::Tensor level = Resized(images, RoundedUp(images.size(2)), RoundedUp(images.size(3)));
  Pyramid pyramid = {(level - mean_) / std_};
  while (pyramid.size() < kLevels) {
    pyramid.push_back(at::avg_pool2d(pyramid.back(), /*kernel_size=*/2, /*stride=*/2));
  }
  std::reverse(pyramid.begin(), pyramid.end());
  return pyramid;
}

at::Tensor Spynet::Flow(const Pyramid& reference, const Pyramid& support, int64_t height,
                        int64_t width) {
  at::Tensor flow;
  for (size_t l = 0; l < levels_.size(); ++l) {
    const at::Tensor& ref = reference[l];
    const int64_t h = ref.size(2);
    const int64_t w = ref.size(3);
    if (l == 0) {  // no flow yet: nothing to warp by, nothing to add to
      const at::Tensor none = at::zeros({ref.size(0), 2, h, w}, ref.options());
      flow = levels_[l]->Forward(at::cat({ref, support[l], none}, 1)).to(ref.scalar_type());
      continue;
    }
    const at::Tensor up = at::upsample_bilinear2d(flow, {h, w}, /*align_corners=*/true).mul_(2);
    const at::Tensor warped = FlowWarp(h, w, up.options())(support[l], up, Padding::kBorder);
    flow = up + levels_[l]->Forward(at::cat({ref, warped, up}, 1));
  }
  const double x_scale = static_cast<double>(width) / static_cast<double>(flow.size(3));
  const double y_scale = static_cast<double>(height) / static_cast<double>(flow.size(2));
  if (x_scale == 1 && y_scale == 1) return flow;
  const at::Tensor scale =
      at::stack({at::full({}, x_scale, flow.options()), at::full({}, y_scale, flow.options())});
  return Resized(flow, height, width) * scale.view({1, 2, 1, 1});
}

}  // namespace lrti::nn
