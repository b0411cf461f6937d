#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>
#include <functional>

namespace lrti::nn {

/// For tests: the derivative of `loss` by element i of `input`, fp64, from both sides of its value.
inline double CentralDifference(const std::function<at::Tensor()>& loss, const at::Tensor& input,
                                int64_t i) {
  constexpr double kStep = 1e-6;
  const torch::NoGradGuard no_grad;
  const at::Tensor element = input.view(-1)[i];
  const double value = element.item<double>();
  element.fill_(value + kStep);
  const double above = loss().item<double>();
  element.fill_(value - kStep);
  const double below = loss().item<double>();
  element.fill_(value);
  return (above - below) / (2 * kStep);
}

/// For tests: holds the gradient of `loss` to differences, at every `stride`th element of `input`.
inline void ExpectGradient(const std::function<at::Tensor()>& loss, const at::Tensor& input,
                           int64_t stride = 1) {
  const at::Tensor gradient = torch::autograd::grad({loss()}, {input})[0].flatten();
  for (int64_t i = 0; i < gradient.numel(); i += stride) {
    EXPECT_NEAR(gradient[i].item<double>(), CentralDifference(loss, input, i), 1e-7)
        << "element " << i;
  }
}

}  // namespace lrti::nn
