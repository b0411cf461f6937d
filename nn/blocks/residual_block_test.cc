#include "nn/blocks/residual_block.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <string>
#include <vector>

namespace lrti::nn {
namespace {

TEST(ResidualBlock, IsTheFormula) {
  torch::manual_seed(1);
  ResidualBlock block(4);
  const auto weights = block.named_parameters();
  const at::Tensor x = at::randn({2, 4, 5, 6});
  const auto conv = [&](const std::string& name, const at::Tensor& input) {
    return at::conv2d(input, weights[name + ".weight"], weights[name + ".bias"], 1, 1);
  };
  const at::Tensor expected = x + conv("conv2", conv("conv1", x).relu());
  EXPECT_TRUE(at::allclose(block.Forward(x), expected, 1e-5, 1e-6));
}

TEST(ResidualBlock, StartsNearTheIdentity) {
  torch::manual_seed(1);
  const ResidualBlock block(64);
  for (const auto& parameter : block.named_parameters()) {
    if (parameter.key().ends_with("bias")) {
      EXPECT_EQ(parameter.value().abs().max().item<double>(), 0);
    } else {
      const double kaiming = std::sqrt(2.0 / (64 * 9));
      EXPECT_NEAR(parameter.value().std().item<double>(), 0.1 * kaiming, 0.002 * kaiming);
    }
  }
}

TEST(ConvResidualBlocks, IsAConvolutionAndItsBlocks) {
  torch::manual_seed(1);
  ConvResidualBlocks trunk(7, 4, 2);
  const auto weights = trunk.named_parameters();
  const at::Tensor x = at::randn({1, 7, 5, 6});
  const auto conv = [&](const std::string& name, const at::Tensor& input) {
    return at::conv2d(input, weights[name + ".weight"], weights[name + ".bias"], 1, 1);
  };
  at::Tensor expected = at::leaky_relu(conv("main.0", x), 0.1);
  for (const char* i : {"0", "1"}) {
    const std::string block = std::string("main.2.") + i;
    expected = expected + conv(block + ".conv2", conv(block + ".conv1", expected).relu());
  }
  EXPECT_TRUE(at::allclose(trunk.Forward(x), expected, 1e-5, 1e-6));
}

}  // namespace
}  // namespace lrti::nn
