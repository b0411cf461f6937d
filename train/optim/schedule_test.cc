#include "train/optim/schedule.h"

#include "gtest/gtest.h"

namespace lrti::train {
namespace {

constexpr int64_t kPeriod = 300000;
const job::Schedule kCosine{.type = job::ScheduleType::kCosine, .min_lr = 1e-7};

TEST(LearningRate, CosineBeginsAtBaseHalvesInTheMiddleAndEndsAtTheMinimum) {
  EXPECT_DOUBLE_EQ(LearningRate(kCosine, 2e-4, 0, kPeriod), 2e-4);
  EXPECT_NEAR(LearningRate(kCosine, 2e-4, kPeriod / 2, kPeriod), (2e-4 + 1e-7) / 2, 1e-12);
  EXPECT_NEAR(LearningRate(kCosine, 2e-4, kPeriod - 1, kPeriod), 1e-7, 1e-12);
}

TEST(LearningRate, StaysAtTheMinimumBeyondThePeriod) {
  EXPECT_NEAR(LearningRate(kCosine, 2e-4, 2 * kPeriod, kPeriod), 1e-7, 1e-15);
}

TEST(LearningRate, WarmUpRisesInEqualSteps) {
  const job::Schedule warm{.type = job::ScheduleType::kConstant, .warmup_steps = 4};
  EXPECT_DOUBLE_EQ(LearningRate(warm, 1, 0, kPeriod), 0.25);
  EXPECT_DOUBLE_EQ(LearningRate(warm, 1, 3, kPeriod), 1);
  EXPECT_DOUBLE_EQ(LearningRate(warm, 1, 100, kPeriod), 1);
}

}  // namespace
}  // namespace lrti::train
