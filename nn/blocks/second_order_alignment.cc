#include "nn/blocks/second_order_alignment.h"

#include <torch/torch.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "nn/blocks/conv.h"
#include "nn/blocks/deform_conv.h"
#include "nn/blocks/deform_sampling.h"

namespace lrti::nn {
namespace {

// Vertical before horizontal, as offsets are.
at::Tensor Motion(const at::Tensor& near_flow, const at::Tensor& far_flow) {
  return at::stack({near_flow.flip(1), far_flow.flip(1)}, 1);
}

}  // namespace

SecondOrderAlignment::SecondOrderAlignment(int64_t channels, int64_t groups, double reach)
    : groups_(groups),
      reach_(reach),
      weight_(register_parameter("weight", at::empty({channels, 2 * channels, 3, 3}))),
      bias_(register_parameter("bias", at::zeros({channels}))),
      offset_convs_({SameConv(3 * channels + 4, channels, 3), SameConv(channels, channels, 3),
                     SameConv(channels, channels, 3),
                     SameConv(channels, 3 * kDeformTaps * groups, 3)}) {
  TORCH_CHECK(groups > 0 && groups % 2 == 0 && 2 * channels % groups == 0,
              "SecondOrderAlignment: ", groups, " groups for twice ", channels,
              " channels; give an even number that divides them");
  auto chain = register_module("conv_offset", std::make_shared<torch::nn::Module>());
  for (size_t i = 0; i < offset_convs_.size(); ++i) {
    chain->register_module(std::to_string(2 * i), offset_convs_[i]);
  }
  const torch::NoGradGuard no_grad;
  const double bound = 1 / std::sqrt(static_cast<double>(2 * channels * kDeformTaps));
  weight_.uniform_(-bound, bound);
  offset_convs_.back()->weight.zero_();
  offset_convs_.back()->bias.zero_();
}

at::Tensor SecondOrderAlignment::Forward(const at::Tensor& x, const Source& near, const Source& far,
                                         const FlowWarp& warp) {
  const bool both = far.state.defined();
  const at::Tensor near_warped = warp(near.state, near.flow, Padding::kZeros);
  const at::Tensor far_state = both ? far.state : at::zeros_like(near.state);
  const at::Tensor far_flow = both ? far.flow : at::zeros_like(near.flow);
  const at::Tensor far_warped = both ? warp(far.state, far.flow, Padding::kZeros) : far_state;

  at::Tensor z = at::cat({near_warped, x, far_warped, near.flow, far_flow}, 1)
                     .contiguous(at::MemoryFormat::ChannelsLast);
  for (torch::nn::Conv2d& conv : offset_convs_) {
    z = conv(z);
    if (&conv != &offset_convs_.back()) z = LeakyRelu(z);
  }
  z = z.to(near.flow.scalar_type());
  const int64_t offsets = 2 * kDeformTaps * groups_;
  const std::vector<at::Tensor> parts = z.split_with_sizes({offsets, kDeformTaps * groups_}, 1);
  // [B, near or far, taps, vertical or horizontal, H, W]
  const at::Tensor correction = parts[0].tanh().unflatten(1, {2, offsets / 4, 2});
  const at::Tensor motion = Motion(near.flow, far_flow).unsqueeze(2);
  const at::Tensor offset = at::add(motion, correction, reach_).flatten(1, 3);
  const at::Tensor mask = parts[1].sigmoid();
  return DeformConv(at::cat({near.state, far_state}, 1), offset, mask, weight_, bias_);
}

}  // namespace lrti::nn
