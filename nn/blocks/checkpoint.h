#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <functional>
#include <vector>

namespace lrti::nn {

/// A function of tensors and of parameters; no randomness inside, so that it can be run
/// twice (draw random numbers outside and hand them in).
using Block = std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>;

/// block(inputs), whose inner values are not kept for the backward pass but computed again there.
/// Any of the inputs but the first may be undefined.
///
/// `parameters`, all that the block uses, enter as inputs of their own, so that each gets one
/// gradient however often the block is used in a step; what a data-parallel reducer needs. On the
/// CPU outputs equal those of block(inputs) to the bit, and so do gradients, but for those of a
/// parameter that the block uses twice: its terms are added in another order. Without a graph it is
/// block(inputs).
at::Tensor Checkpointed(std::vector<at::Tensor> parameters, const Block& block,
                        const std::vector<at::Tensor>& inputs);

/// For a block that is a module's own.
at::Tensor Checkpointed(const torch::nn::Module& module, const Block& block,
                        const std::vector<at::Tensor>& inputs);

}  // namespace lrti::nn
