#include "tests/golden/golden.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace lrti::golden {
namespace {

TEST(Golden, MakesTheRecipesNumbers) {
  EXPECT_EQ(Fnv1a("a.weight"), 3344269742u);
  const at::Tensor matrix = Weight("a.weight", {2, 3}).flatten();
  EXPECT_NEAR(matrix[0].item<double>(), 0.015964130405, 1e-12);
  EXPECT_NEAR(matrix[1].item<double>(), 0.159361019265, 1e-12);
  EXPECT_NEAR(matrix[2].item<double>(), 0.989912163467, 1e-12);
  const at::Tensor norm = Weight("norm1.weight", {2});
  EXPECT_NEAR(norm[0].item<double>(), 0.993073881231, 1e-12);
  EXPECT_NEAR(norm[1].item<double>(), 0.987768084998, 1e-12);
}

TEST(Golden, MakesTheRecipesFrames) {
  const Summary expected(
      0.5069389422, 0.2499436539,
      {0.5, 0.5887594514, 0.3479953290, 0.5959164777, 0.5699741133, 0.3741288326});
  EXPECT_LT(Summary(Frames(5, 64, 64)).Distance(expected), 1e-9);
}

}  // namespace
}  // namespace lrti::golden
