#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/conv.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace lrti::nn {

/// Residual block without normalisation:
///
///     y = x + conv2(relu(conv1(x)))
///
/// Shapes  x, y: [B, C, H, W].
/// Starts near the identity: Kaiming-normal weights times 0.1, zero biases.
/// Names   conv1, conv2.
/// Source  EDSR, Lim et al., CVPRW 2017.
class ResidualBlock : public torch::nn::Module {
 public:
  explicit ResidualBlock(int64_t channels);

  at::Tensor Forward(const at::Tensor& x);

 private:
  torch::nn::Conv2d conv1_;
  torch::nn::Conv2d conv2_;
};

/// The trunk of a propagation branch: a convolution, LeakyReLU 0.1, `blocks` residual blocks.
///
/// Shapes  x: [B, in, H, W]; returns [B, channels, H, W], channels last in memory, a layout in
/// which
///         the convolutions need no reordering.
/// Names   main.0, main.2.{i}.conv1, main.2.{i}.conv2.
class ConvResidualBlocks : public torch::nn::Module {
 public:
  ConvResidualBlocks(int64_t in, int64_t channels, int64_t blocks);

  at::Tensor Forward(const at::Tensor& x);

 private:
  torch::nn::Conv2d first_;
  std::vector<std::shared_ptr<ResidualBlock>> blocks_;
};

}  // namespace lrti::nn
