#include "services/worker/rank/stall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lrti::worker {
namespace {

using ::testing::HasSubstr;

constexpr auto S = [](double seconds) { return absl::Seconds(seconds); };

// A rank and its events, told second by second.
class Rank {
 public:
  void Beat(double at, int64_t step, const char* phase) {
    events_.heartbeat_at = S(at);
    events_.step = step;
    events_.phase = phase;
    pulse.Observe(events_, S(at));
  }

  RankPulse pulse{S(0)};

 private:
  RankEvents events_;
};

const StallLimits kLimits{.heartbeat = S(15), .step_least = S(30)};

std::optional<StallVerdict> Find(const std::vector<Rank*>& ranks, double at) {
  std::vector<WatchedRank> watched;
  for (Rank* const rank : ranks) {
    watched.push_back({static_cast<int64_t>(watched.size()), "GPU-x", &rank->pulse});
  }
  return FindStall(watched, "thor", kLimits, S(at));
}

TEST(FindStall, SteadyStepsAreNoStall) {
  Rank rank;
  for (int at = 1; at < 100; ++at) {
    rank.Beat(at, at, "forward_backward");
    ASSERT_FALSE(Find({&rank}, at));
  }
}

TEST(FindStall, AnOldStepWithAFreshHeartbeatIsAStall) {
  Rank rank;
  rank.Beat(1, 6, "forward_backward");
  rank.Beat(2, 7, "forward_backward");
  rank.Beat(32, 7, "forward_backward");
  EXPECT_FALSE(Find({&rank}, 32));
  rank.Beat(33, 7, "forward_backward");
  const auto verdict = Find({&rank}, 33);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->text,
            "rank 0 on host thor (GPU-x): no progress for 31 s, last step 7, phase "
            "forward_backward");
}

TEST(FindStall, TheFirstStepsMayTakeAsLongAsLoading) {
  Rank rank;
  rank.Beat(1, 0, "forward_backward");
  rank.Beat(300, 0, "forward_backward");
  EXPECT_FALSE(Find({&rank}, 300));
  rank.Beat(301, 1, "forward_backward");
  rank.Beat(901, 1, "forward_backward");
  EXPECT_FALSE(Find({&rank}, 901));
  rank.Beat(902, 1, "forward_backward");
  EXPECT_TRUE(Find({&rank}, 902));
}

TEST(FindStall, TheLimitIsThreeTimesTheSlowestUsualStep) {
  Rank rank;
  for (int step = 1; step <= 5; ++step) rank.Beat(20 * step, step, "optimizer");
  rank.Beat(155, 5, "optimizer");
  EXPECT_FALSE(Find({&rank}, 155));
  rank.Beat(161, 5, "optimizer");
  EXPECT_TRUE(Find({&rank}, 161));
}

TEST(FindStall, ARankWithoutHeartbeatIsTheCulpritBeforeOneThatWaitsLonger) {
  Rank waits, silent;
  for (int at = 1; at <= 40; ++at) {
    waits.Beat(at, 9, "forward_backward");
    if (at <= 20) silent.Beat(at, 9 + at, "forward_backward");
  }
  const auto verdict = Find({&waits, &silent}, 40);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->rank, 1);
  EXPECT_THAT(verdict->text, HasSubstr("no heartbeat for 20 s, last step 29"));
  EXPECT_THAT(verdict->text, HasSubstr("others here: rank 0 in forward_backward at step 9"));
}

TEST(FindStall, WaitingForOthersIsNeverTheCulprit) {
  Rank waits, works;
  for (int at = 1; at <= 200; ++at) {
    waits.Beat(at, 9, "waiting");
    works.Beat(at, 9, at < 100 ? "optimizer" : "waiting");
  }
  EXPECT_FALSE(Find({&waits, &works}, 200));
}

TEST(FindStall, AnEvaluationIsNoLongStep) {
  Rank rank;
  rank.Beat(0, 1, "forward_backward");
  rank.Beat(1, 2, "forward_backward");
  for (int at = 2; at <= 600; ++at) rank.Beat(at, 2, "evaluating");
  EXPECT_FALSE(Find({&rank}, 600));
  rank.Beat(601, 2, "forward_backward");
  EXPECT_FALSE(Find({&rank}, 601));
  rank.Beat(602, 3, "forward_backward");
  rank.Beat(640, 3, "forward_backward");
  EXPECT_TRUE(Find({&rank}, 640)) << "its ten minutes must not count as the time of a step";
}

TEST(FindStall, ARankThatNeverSpokeHasTheTimeToStart) {
  Rank rank;
  EXPECT_FALSE(Find({&rank}, 599));
  EXPECT_TRUE(Find({&rank}, 601));
}

TEST(FindStall, CheckpointingHasALimitOfItsOwn) {
  Rank rank;
  for (int at = 1; at <= 902; ++at) {
    rank.Beat(at, 1, "checkpointing");
    ASSERT_EQ(Find({&rank}, at).has_value(), at > 901) << at;
  }
}

}  // namespace
}  // namespace lrti::worker
