#include "nn/blocks/conv.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace lrti::nn {
namespace {

TEST(SameConv, StartsAsPyTorchDoes) {
  torch::manual_seed(1);
  const torch::nn::Conv2d conv = SameConv(16, 64, 3);
  const double bound = 1 / std::sqrt(16 * 9);
  for (const at::Tensor& parameter : {conv->weight, conv->bias}) {
    EXPECT_LE(parameter.abs().max().item<double>(), bound);
    EXPECT_GT(parameter.abs().max().item<double>(), 0.9 * bound);
  }
}

TEST(LeakyRelu, KeepsATenthOfWhatIsNegative) {
  const at::Tensor x = at::tensor({-2.0f, 0.0f, 3.0f});
  EXPECT_TRUE(at::allclose(LeakyRelu(x.clone()), at::tensor({-0.2f, 0.0f, 3.0f})));
}

}  // namespace
}  // namespace lrti::nn
