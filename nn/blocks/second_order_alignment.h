#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>

#include <array>
#include <cstdint>

#include "nn/blocks/flow_warp.h"

namespace lrti::nn {

/// Flow-guided deformable alignment of a branch's last two states to the frame at hand:
///
///     [o1, o2, m] = conv_offset([warp(h1, f1), x, warp(h2, f2), f1, f2])
///     y = deform_conv([h1, h2], offsets [f1 + R tanh(o1), f2 + R tanh(o2)], mask sigmoid(m))
///
/// Where h2 is missing, it, its warp and its flow are zeros. It starts with offsets equal to the
/// flow and masks of 0.5.
///
/// Shapes  x, h: [B, C, H, W]; f: [B, 2, H, W] in pixels, channel 0 horizontal; returns [B, C, H,
///         W]. The first half of the `groups` looks into h1, the second into h2.
/// Types   offsets and samples in fp32 at least; answers in the states' type.
/// Names   weight, bias, conv_offset.{0,2,4,6}.
/// Source  BasicVSR++, Chan et al., CVPR 2022, arXiv:2104.13371, Eq. 3 to 5.
class SecondOrderAlignment : public torch::nn::Module {
 public:
  /// `groups`: even, divides 2 `channels`. `reach`: R, pixels that an offset may add to the flow.
  SecondOrderAlignment(int64_t channels, int64_t groups, double reach);

  /// A state of the branch and the flow that brings it to the frame.
  struct Source {
    at::Tensor state;
    at::Tensor flow;
  };

  /// `far` may be undefined.
  at::Tensor Forward(const at::Tensor& x, const Source& near, const Source& far,
                     const FlowWarp& warp);

 private:
  int64_t groups_;
  double reach_;
  at::Tensor weight_;
  at::Tensor bias_;
  std::array<torch::nn::Conv2d, 4> offset_convs_;
};

}  // namespace lrti::nn
