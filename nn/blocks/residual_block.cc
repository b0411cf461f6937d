#include "nn/blocks/residual_block.h"

#include <torch/torch.h>

#include <string>
#include <utility>

#include "nn/blocks/conv.h"

namespace lrti::nn {
namespace {

void StartNearZero(torch::nn::Conv2d& conv) {
  const torch::NoGradGuard no_grad;
  torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanIn, torch::kLeakyReLU).mul_(0.1);
  torch::nn::init::zeros_(conv->bias);
}

}  // namespace

ResidualBlock::ResidualBlock(int64_t channels)
    : conv1_(register_module("conv1", SameConv(channels, channels, 3))),
      conv2_(register_module("conv2", SameConv(channels, channels, 3))) {
  StartNearZero(conv1_);
  StartNearZero(conv2_);
}

at::Tensor ResidualBlock::Forward(const at::Tensor& x) { return conv2_(conv1_(x).relu_()).add_(x); }

ConvResidualBlocks::ConvResidualBlocks(int64_t in, int64_t channels, int64_t blocks)
    : first_(SameConv(in, channels, 3)) {
  auto main = register_module("main", std::make_shared<torch::nn::Module>());
  main->register_module("0", first_);
  auto chain = main->register_module("2", std::make_shared<torch::nn::Module>());
  for (int64_t i = 0; i < blocks; ++i) {
    auto block = std::make_shared<ResidualBlock>(channels);
    blocks_.push_back(chain->register_module(std::to_string(i), std::move(block)));
  }
}

at::Tensor ConvResidualBlocks::Forward(const at::Tensor& x) {
  at::Tensor y = LeakyRelu(first_(x.contiguous(at::MemoryFormat::ChannelsLast)));
  for (const auto& block : blocks_) y = block->Forward(y);
  return y;
}

}  // namespace lrti::nn
