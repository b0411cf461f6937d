#include "nn/blocks/drop_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

namespace lrti::nn {
namespace {

TEST(DrawnShares, LeaveOutSomeAndKeepTheMean) {
  torch::manual_seed(3);
  const at::Tensor shares = DrawnShares(0.2, 100000, at::kDouble);
  EXPECT_NEAR(shares.eq(0).to(at::kDouble).mean().item<double>(), 0.2, 0.01);
  EXPECT_TRUE(shares.eq(0).logical_or(shares.eq(1 / 0.8)).all().item<bool>());
  EXPECT_NEAR(shares.mean().item<double>(), 1, 0.01);
}

TEST(DrawnShares, AreNotDrawnWhereNothingIsLeftOut) {
  torch::manual_seed(3);
  const at::Tensor untouched = at::rand({1});
  torch::manual_seed(3);
  EXPECT_FALSE(DrawnShares(0, 5, at::kDouble).defined());
  EXPECT_TRUE(at::equal(at::rand({1}), untouched));
}

TEST(DropRates, RiseFromZero) {
  EXPECT_THAT(DropRates(0.1, 3), testing::ElementsAre(0, 0.05, 0.1));
  EXPECT_THAT(DropRates(0.1, 1), testing::ElementsAre(0));
}

}  // namespace
}  // namespace lrti::nn
