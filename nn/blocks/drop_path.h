#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace lrti::nn {

/// Stochastic depth: in training a residual branch is left out for some samples, and counts more
/// for the others, so that its mean stays.
///
/// For each of `batch` samples 0 with probability `rate`, else 1 / (1 - rate), [batch], drawn from
/// LibTorch's default generator; undefined where rate is 0.
/// Source  Huang et al., ECCV 2016, arXiv:1603.09382.
at::Tensor DrawnShares(double rate, int64_t batch, const at::TensorOptions& options);

/// Rates of `blocks` blocks, rising linearly from 0 to `last`.
std::vector<double> DropRates(double last, int64_t blocks);

}  // namespace lrti::nn
