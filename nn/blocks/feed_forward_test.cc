#include "nn/blocks/feed_forward.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace lrti::nn {
namespace {

class FeedForwardTest : public testing::Test {
 protected:
  FeedForwardTest() { torch::manual_seed(3); }

  // A layer of the module, by name, on its own.
  static at::Tensor Layer(FeedForward& module, const std::string& name, const at::Tensor& x) {
    const auto parameters = module.named_parameters();
    return at::linear(x, parameters[name + ".weight"], parameters[name + ".bias"]);
  }

  static void MakeWeightsLarge(FeedForward& module) {
    const torch::NoGradGuard no_grad;
    for (at::Tensor& parameter : module.parameters()) parameter.normal_();
  }

  at::Tensor x_ = at::randn({2, 3, 12});
  at::Tensor h_ = at::randn({2, 3, 12});
};

TEST_F(FeedForwardTest, AnMlpReadsTheFrameAlone) {
  FeedForward mlp(12, FeedForwardKind::kMlp);
  MakeWeightsLarge(mlp);
  const at::Tensor hidden = Layer(mlp, "fc1", x_);
  EXPECT_EQ(hidden.size(2), 24);
  const at::Tensor gelu = hidden * 0.5 * (1 + at::erf(hidden / std::sqrt(2.0)));
  EXPECT_TRUE(at::allclose(mlp.Forward(x_, {}), Layer(mlp, "fc2", gelu), 1e-4, 1e-4));
}

TEST_F(FeedForwardTest, AGateMultipliesTheSquareOfWhatIsPositive) {
  FeedForward shared(12, FeedForwardKind::kGated);
  MakeWeightsLarge(shared);
  const at::Tensor a = Layer(shared, "fc1", x_);
  const at::Tensor expected =
      Layer(shared, "fc2", at::where(a > 0, a * a, 0) * Layer(shared, "fc1", h_));
  EXPECT_TRUE(at::allclose(shared.Forward(x_, h_), expected, 1e-4, 1e-3));
}

TEST_F(FeedForwardTest, SeparateLayersForTheTwoInputsAreNarrower) {
  FeedForward separate(12, FeedForwardKind::kGatedSeparate);
  MakeWeightsLarge(separate);
  const at::Tensor a = Layer(separate, "fc1", x_);
  EXPECT_EQ(a.size(2), 16);
  const at::Tensor expected =
      Layer(separate, "fc2", at::where(a > 0, a * a, 0) * Layer(separate, "fc_state", h_));
  EXPECT_TRUE(at::allclose(separate.Forward(x_, h_), expected, 1e-4, 1e-3));
}

TEST_F(FeedForwardTest, StartsWithSmallWeightsAndNoBias) {
  FeedForward mlp(120, FeedForwardKind::kMlp);
  const auto parameters = mlp.named_parameters();
  EXPECT_NEAR(parameters["fc1.weight"].std().item<double>(), 0.02, 0.001);
  EXPECT_EQ(parameters["fc1.bias"].abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace lrti::nn
