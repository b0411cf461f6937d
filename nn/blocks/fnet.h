#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>

#include <cstdint>
#include <string>
#include <vector>

namespace lrti::nn {

/// FRVSR's flow net: an encoder of three halvings, a decoder of three doublings, 1,745,506
/// parameters. Flow stays within 24 pixels.
///
/// Images are RGB in 0..1, [B, 3, H, W], sides of 8 and more; flow is [B, 2, H, W] in pixels,
/// channel 0 horizontal: reference(p) ~ support(p + flow(p)). Where a side is no multiple of 8 the
/// flow is mirrored beyond the last one.
/// Names   encoder{1,2,3}.{0,2}, decoder{1,2,3}.{0,2}, flow.{0,2}.
/// Source  FRVSR, Sajjadi et al., CVPR 2018, arXiv:1801.04590.
class Fnet : public torch::nn::Module {
 public:
  Fnet();

  at::Tensor Forward(const at::Tensor& reference, const at::Tensor& support);

  static constexpr int64_t kSideMin = 8;

 private:
  /// Two convolutions one after the other.
  struct Pair {
    torch::nn::Conv2d first;
    torch::nn::Conv2d second;
  };

  Pair Make(const std::string& name, int64_t in, int64_t middle, int64_t out);

  std::vector<Pair> encoders_;
  std::vector<Pair> decoders_;
  Pair flow_;
};

}  // namespace lrti::nn
