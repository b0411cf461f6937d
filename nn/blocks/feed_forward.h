#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>

namespace lrti::nn {

/// The part of a transformer block that treats each token alone, x of the frame and h of the state
/// that is aligned to it:
///
///     kMlp            fc2(gelu(fc1(x)))                   hidden layer 2 D wide
///     kGated          fc2(max(fc1(x), 0)^2 * fc1(h))      2 D
///     kGatedSeparate  fc2(max(fc1(x), 0)^2 * fc_state(h)) 4/3 D
///
/// The gated ones are LRTI-VSR's RGU; the paper's parameter count allows both.
/// Shapes  x, h: [.., D]; returns x's. h is read by the gated kinds alone.
/// Names   fc1, fc2, fc_state.
enum class FeedForwardKind { kMlp, kGated, kGatedSeparate };

class FeedForward : public torch::nn::Module {
 public:
  FeedForward(int64_t width, FeedForwardKind kind);

  at::Tensor Forward(const at::Tensor& x, const at::Tensor& h);

 private:
  FeedForwardKind kind_;
  torch::nn::Linear fc1_;
  torch::nn::Linear fc2_;
  torch::nn::Linear fc_state_{nullptr};
};

}  // namespace lrti::nn
