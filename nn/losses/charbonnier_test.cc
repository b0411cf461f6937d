#include "nn/losses/charbonnier.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

namespace lrti::nn {
namespace {

TEST(Charbonnier, IsTheMeanOfRoundedDistances) {
  const at::Tensor output = at::tensor({0.0, 0.3, 1.0}, at::kDouble);
  const at::Tensor target = at::tensor({0.0, 0.7, 0.0}, at::kDouble);
  const double expected = (std::sqrt(0.01) + std::sqrt(0.17) + std::sqrt(1.01)) / 3;
  EXPECT_NEAR(Charbonnier(output, target, 0.01).item<double>(), expected, 1e-15);
}

TEST(Charbonnier, HasTwoReadingsOfEpsilon) {
  const at::Tensor same = at::full({4}, 0.5, at::kDouble);
  EXPECT_NEAR(Charbonnier(same, same, AddedEpsilon(1e-12)).item<double>(), 1e-6, 1e-18);
  EXPECT_NEAR(Charbonnier(same, same, SquaredEpsilon(1e-3)).item<double>(), 1e-3, 1e-15);
}

TEST(Charbonnier, HasTheGradientOfItsFormula) {
  const at::Tensor output = at::tensor({0.2, 0.5, 0.9}, at::kDouble).requires_grad_();
  const at::Tensor target = at::tensor({0.1, 0.5, 1.3}, at::kDouble);
  Charbonnier(output, target, 1e-6).backward();
  const at::Tensor difference = output.detach() - target;
  const at::Tensor expected = difference / (difference * difference + 1e-6).sqrt() / 3;
  EXPECT_TRUE(at::allclose(output.grad(), expected, 0, 1e-14));
}

TEST(Charbonnier, HasNoGradientWhereNothingIsWrong) {
  const at::Tensor output = at::full({8}, 0.5f).requires_grad_();
  Charbonnier(output, at::full({8}, 0.5f), AddedEpsilon(1e-12)).backward();
  EXPECT_EQ(output.grad().abs().max().item<double>(), 0);
}

TEST(Charbonnier, IsComputedInFp32AtLeast) {
  const at::Tensor output = at::full({8}, 0.5f).to(at::kBFloat16);
  const at::Tensor loss = Charbonnier(output, at::full({8}, 0.501f), SquaredEpsilon(1e-3));
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
  EXPECT_NEAR(loss.item<double>(), std::sqrt(2e-6), 1e-7);
}

TEST(Charbonnier, RefusesDifferentShapes) {
  EXPECT_THROW(Charbonnier(at::zeros({2, 3}), at::zeros({3}), 1e-12), c10::Error);
}

}  // namespace
}  // namespace lrti::nn
