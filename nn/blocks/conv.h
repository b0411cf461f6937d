#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/conv.h>

#include <cstdint>

namespace lrti::nn {

/// A convolution that keeps height and width: odd `kernel`, stride 1, bias, default initialisation.
torch::nn::Conv2d SameConv(int64_t in, int64_t out, int64_t kernel);

/// LeakyReLU with slope 0.1, in place: for tensors that nobody else reads.
at::Tensor LeakyRelu(at::Tensor x);

}  // namespace lrti::nn
