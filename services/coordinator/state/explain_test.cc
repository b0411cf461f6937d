#include "services/coordinator/state/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/coordinator/state/usage.h"
#include "services/coordinator/state/world_for_test.h"

namespace lrti::coordinator {
namespace {

using testing::Contains;
using testing::HasSubstr;

Explanation Of(const World& world, const std::string& job) {
  return Explain(world.book, world.live, world.rules, world.Job(job), world.now);
}

TEST(Explain, NamesTheNearestCountThatFits) {
  World world;
  world.AddAgent("a", 6);
  Submission asking = world.Asking(8);
  asking.global_batch = 24;
  const std::string job = world.Add(asking);
  world.Cycle();
  const Explanation explanation = Of(world, job);
  EXPECT_EQ(explanation.reason, "NoMatchingGpu");
  EXPECT_FALSE(explanation.next_step.empty());
  EXPECT_THAT(explanation.nearest, Contains(HasSubstr("fits now with 6 GPUs")));
  EXPECT_THAT(explanation.facts, Contains("asks for 8 GPUs"));
  EXPECT_THAT(explanation.facts, Contains("H200 (80.0 GiB): 6 known, 6 on agents that take work, 6 "
                                          "free"));
}

TEST(Explain, NamesTheMemoryThatIsMissing) {
  World world;
  world.AddAgent("a", 1, "L4", uint64_t{24} << 30);
  world.rules.forecast_headroom = 1;
  world.book.peaks[ShapeWith(world.Asking(1), 1)] = uint64_t{27} << 30;
  const std::string job = world.Add(world.Asking(1));
  world.Cycle();
  const Explanation explanation = Of(world, job);
  EXPECT_EQ(explanation.reason, "VramForecastTooHigh");
  EXPECT_THAT(explanation.nearest, Contains(HasSubstr("needs 3.0 GiB more of GPU memory")));
}

TEST(Explain, TellsTheBackoffAndTheFailureBehindIt) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  world.ExitAll(job, "INTERNAL");
  world.Settled();
  const Explanation explanation = Of(world, job);
  EXPECT_EQ(explanation.reason, "Backoff");
  EXPECT_THAT(explanation.facts, Contains(HasSubstr("after a failure")));
  EXPECT_THAT(explanation.facts, Contains("last failure: INTERNAL: rank 0 on a: said INTERNAL"));
}

TEST(Explain, TellsWhyAJobEnded) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  EXPECT_EQ(Of(world, job).reason, "") << "nothing is wrong";
  world.ExitAll(job, "OOM_GPU");
  world.Settled();
  EXPECT_EQ(Of(world, job).reason, "OOM_GPU");
  EXPECT_THAT(Of(world, job).next_step, HasSubstr("spec.train.micro_batch"));
}

TEST(Explain, SaysBeforehandWhetherAJobCouldRun) {
  World world;
  world.AddAgent("a", 2);
  world.Running(world.Asking(2));
  const auto could = [&](const Submission& submission) {
    return CouldRun(world.book, world.live, world.rules, submission, world.now);
  };
  EXPECT_TRUE(could(world.Asking(2)).fits) << "the GPUs need not be free";
  Submission large = world.Asking(4);
  EXPECT_FALSE(could(large).fits);
  EXPECT_THAT(could(large).advice, HasSubstr("fits with 2 GPUs"));
  large.gpus_min = 2;
  EXPECT_TRUE(could(large).fits);
  large.queue = "nowhere";
  EXPECT_THAT(could(large).advice, HasSubstr("does not exist"));
}

TEST(Usage, CountsTheLeasesByKeyAndByPartOfTime) {
  World world;
  world.AddAgent("a", 4);
  const absl::Time begin = world.now.wall;
  Submission asking = world.Asking(2);
  asking.user = "ann";
  const std::string job = world.Running(asking);
  world.Pass(absl::Seconds(100));
  world.SyncAll();
  world.ExitAll(job, "COMPLETED");
  world.Settled();
  world.Running(world.Asking(1));
  world.Pass(absl::Seconds(10));
  const auto usage = [&](UsageQuery query) { return *UsageOf(world.book, query, world.now); };
  const auto all = usage({});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].key, "project");
  EXPECT_EQ(all[0].jobs, 2);
  EXPECT_EQ(all[0].allocated_gpu_us, 210'000'000) << "the running job counts too";
  EXPECT_EQ(all[0].productive_gpu_us, 200'000'000);
  UsageQuery by_user;
  by_user.by = "user";
  by_user.until = begin + absl::Seconds(50);
  ASSERT_EQ(usage(by_user).size(), 1U);
  EXPECT_EQ(usage(by_user)[0].key, "ann");
  EXPECT_EQ(usage(by_user)[0].allocated_gpu_us, 100'000'000);
  UsageQuery unknown;
  unknown.by = "weather";
  EXPECT_EQ(UsageOf(world.book, unknown, world.now).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lrti::coordinator
