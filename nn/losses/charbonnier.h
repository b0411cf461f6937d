#pragma once

#include <ATen/core/Tensor.h>

namespace lrti::nn {

/// Charbonnier loss, a smooth L1 that treats small errors gently:
///
///     loss = mean( sqrt( (output - target)^2 + added ) )
///
/// Two readings of its epsilon are in use: public code adds 1e-12 as it stands, papers write
/// epsilon^2 with epsilon = 1e-3. Make `added` with AddedEpsilon or SquaredEpsilon, as meant.
///
/// Shapes  output, target: the same, [B, T, C, H, W], intensities in 0..1; returns a scalar.
/// Types   computed in fp32 or wider.
/// Errors  c10::Error when the shapes differ.
/// Source  Charbonnier et al., ICIP 1994; for super-resolution, LapSRN, arXiv:1704.03915.
at::Tensor Charbonnier(const at::Tensor& output, const at::Tensor& target, double added);

constexpr double AddedEpsilon(double epsilon) { return epsilon; }
constexpr double SquaredEpsilon(double epsilon) { return epsilon * epsilon; }

}  // namespace lrti::nn
