#include "services/coordinator/state/tally.h"

#include <gtest/gtest.h>

#include "services/coordinator/state/world_for_test.h"

namespace lrti::coordinator {
namespace {

const Tally::Durations& Of(const World& world, RecoveryPhase phase) {
  return world.tally.recovery[static_cast<size_t>(phase)];
}

uint64_t CountOf(const Tally::Durations& times) {
  uint64_t count = 0;
  for (const uint64_t within : times.within) count += within;
  return count;
}

TEST(Tally, CountsSubmissionsTransitionsAndWaits) {
  World world;
  world.AddAgent("a", 1);
  const std::string first = world.Running(world.Asking(1));
  const std::string second = world.Add(world.Asking(1));
  world.PassTogether(absl::Seconds(40));
  world.ExitAll(first, "COMPLETED");
  world.Settled();
  EXPECT_EQ(world.StateOf(second), JobState::kStarting);
  EXPECT_EQ(world.tally.submitted.at("default"), 2U);
  EXPECT_EQ((world.tally.transitions.at({JobState::kPending, JobState::kAdmitted})), 2U);
  EXPECT_EQ(CountOf(world.tally.waits.at("default")), 2U);
  EXPECT_DOUBLE_EQ(world.tally.waits.at("default").seconds, 40);
  EXPECT_TRUE(world.tally.restarts.empty());
  EXPECT_EQ(CountOf(Of(world, RecoveryPhase::kQueue)), 0U) << "nothing failed";
}

TEST(Tally, SplitsARecoveryIntoItsPhases) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  world.RanksOf(job)[0]->exit = world.ExitWith("NCCL_ERROR");
  world.Pass(absl::Seconds(2));  // before the coordinator hears of it
  world.Settled();
  const absl::Duration backoff = world.Job(job).not_before - world.now.steady;
  world.PassTogether(absl::Ceil(backoff, absl::Seconds(5)));
  world.Settled();
  ASSERT_EQ(world.RanksOf(job).size(), 1U);
  const absl::Duration queued = world.Job(job).current->started.steady - absl::Seconds(2);
  world.RanksOf(job)[0]->spawned = world.now.wall + absl::Seconds(1);
  world.RanksOf(job)[0]->loaded = world.now.wall + absl::Seconds(4);
  world.PassTogether(absl::Seconds(5));
  world.StepTo(job, 1);
  world.Settled();
  ASSERT_EQ(world.StateOf(job), JobState::kRunning);

  EXPECT_EQ((world.tally.restarts.at({EndClass::kInfra, EndReason::kNcclError})), 1U);
  EXPECT_DOUBLE_EQ(Of(world, RecoveryPhase::kDetect).seconds, 2);
  EXPECT_DOUBLE_EQ(Of(world, RecoveryPhase::kKill).seconds, 0);
  EXPECT_DOUBLE_EQ(Of(world, RecoveryPhase::kQueue).seconds, absl::ToDoubleSeconds(queued));
  EXPECT_DOUBLE_EQ(Of(world, RecoveryPhase::kLoad).seconds, 3);
  EXPECT_DOUBLE_EQ(Of(world, RecoveryPhase::kFirstStep).seconds, 1);
  EXPECT_DOUBLE_EQ(Of(world, RecoveryPhase::kSpawn).seconds, 1);
  for (const auto& [phase, name] : kRecoveryPhases)
    EXPECT_EQ(CountOf(Of(world, phase)), 1U) << name;
}

TEST(Tally, AWaitDoesNotCountTheBackoffBeforeIt) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  world.RanksOf(job)[0]->exit = world.ExitWith("NCCL_ERROR");
  world.Settled();
  const double before = world.tally.waits.at("default").seconds;
  const absl::Duration backoff = world.Job(job).not_before - world.now.steady;
  world.PassTogether(absl::Ceil(backoff, absl::Seconds(5)));
  world.Settled();
  EXPECT_LE(world.tally.waits.at("default").seconds - before, 5);
}

}  // namespace
}  // namespace lrti::coordinator
