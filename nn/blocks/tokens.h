#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <cstdint>

namespace lrti::nn {

/// A linear layer as transformers start them: weights of standard deviation 0.02, zero biases.
torch::nn::Linear TokenLinear(int64_t in, int64_t out);

/// Normalises each token over its channels, the last axis; eps 1e-5.
torch::nn::LayerNorm TokenNorm(int64_t width);

}  // namespace lrti::nn
