#include "services/coordinator/state/settle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/coordinator/state/verdict.h"
#include "services/coordinator/state/world_for_test.h"

namespace lrti::coordinator {
namespace {

using testing::HasSubstr;

std::vector<std::string> StatesOf(const World& world, const std::string& job) {
  std::vector<std::string> states;
  for (const Entry& entry : world.journal) {
    const auto* change = std::get_if<StateChanged>(&entry.update);
    if (change != nullptr && change->job == job) {
      states.emplace_back(lifecycle::NameOf(change->to));
    }
  }
  return states;
}

/// Lets backoffs pass and runs the job to its first step again.
void RunAgain(World& world, const std::string& job) {
  world.PassTogether(absl::Minutes(7));
  world.Settled();
  world.StepTo(job, 1);
  world.Settled();
}

TEST(Settle, FollowsAJobFromItsPlaceToItsEnd) {
  World world;
  world.AddAgent("a", 1);
  world.AddAgent("b", 1);
  const std::string job = world.Running(world.Asking(2));
  world.ExitAll(job, "COMPLETED");
  world.Settled();
  EXPECT_THAT(StatesOf(world, job),
              testing::ElementsAre("ADMITTED", "STARTING", "RUNNING", "STOPPING", "SUCCEEDED"));
  EXPECT_EQ(world.Job(job).end_reason, EndReason::kCompleted);
  EXPECT_FALSE(world.Job(job).current.has_value());
  EXPECT_EQ(world.Job(job).ended, world.now.wall);
}

TEST(Settle, StartsOnlyWhenAllAgentsKnow) {
  World world;
  world.AddAgent("a", 1);
  world.AddAgent("b", 1);
  const std::string job = world.Add(world.Asking(2));
  world.Cycle();
  ASSERT_TRUE(world.Sync("a").ok());
  ASSERT_TRUE(world.Sync("a").ok());
  world.Cycle();
  EXPECT_EQ(world.StateOf(job), JobState::kAdmitted);
  ASSERT_TRUE(world.Sync("b").ok());
  ASSERT_TRUE(world.Sync("b").ok());
  EXPECT_EQ(world.StateOf(job), JobState::kStarting);
}

TEST(Settle, GpusStayTakenUntilEveryAgentSaysGone) {
  World world;
  world.AddAgent("a", 1);
  world.AddAgent("b", 1);
  const std::string job = world.Running(world.Asking(2));
  world.dawdles = [] { return true; };
  world.agents["a"].attempts.begin()->second.ranks.begin()->second.exit =
      world.ExitWith("USER_ERROR");
  world.Settled();
  EXPECT_EQ(world.StateOf(job), JobState::kStopping);
  const std::string next = world.Add(world.Asking(1));
  world.Settled();
  EXPECT_EQ(world.StateOf(next), JobState::kPending) << "b still has a process";
  world.dawdles = [] { return false; };
  world.Settled();
  EXPECT_EQ(world.StateOf(job), JobState::kFailed);
  EXPECT_TRUE(lifecycle::HoldsGpus(world.StateOf(next)));
}

TEST(Settle, TheFirstRealCauseWinsOverALostPeer) {
  World world;
  world.AddAgent("a", 1);
  world.AddAgent("b", 1);
  const std::string job = world.Running(world.Asking(2));
  auto& rank_a = world.agents["a"].attempts.begin()->second.ranks.begin()->second;
  auto& rank_b = world.agents["b"].attempts.begin()->second.ranks.begin()->second;
  rank_a.exit = world.ExitWith("NCCL_ERROR");
  ASSERT_TRUE(world.Sync("a").ok());
  EXPECT_EQ(world.StateOf(job), JobState::kRestarting);
  world.Pass(absl::Seconds(1));
  rank_b.exit = world.ExitWith("OOM_GPU");
  rank_b.exit->last_lines = {"line one", "line two"};
  world.Settled();
  EXPECT_EQ(world.Job(job).end_reason, EndReason::kOomGpu);
  EXPECT_EQ(world.StateOf(job), JobState::kFailed) << "the user's budget is 0";
  ASSERT_TRUE(world.Job(job).end_cause.has_value());
  EXPECT_EQ(world.Job(job).end_cause->agent, "b");
  EXPECT_EQ(world.Job(job).end_cause->last_lines, "line one\nline two");
  EXPECT_THAT(world.Job(job).message, HasSubstr("rank 1 on b: said OOM_GPU"));
}

TEST(Settle, ABetterCauseMayGiveTheJobAnotherAttempt) {
  World world;
  world.AddAgent("a", 2);
  Submission submission = world.Asking(2);
  submission.infra_max = 0;
  submission.user_max = 1;
  const std::string job = world.Running(submission);
  world.dawdles = [] { return true; };
  world.RanksOf(job)[0]->exit = world.ExitWith("NCCL_ERROR");
  world.SyncAll();
  EXPECT_EQ(world.StateOf(job), JobState::kStopping) << "no budget for what is known";
  world.RanksOf(job)[1]->exit = world.ExitWith("OOM_HOST");
  world.Settled();
  EXPECT_EQ(world.StateOf(job), JobState::kPending);
  EXPECT_EQ(world.Job(job).restarts, (Restarts{1, 0, 0}));
}

TEST(Settle, OfTwoRealCausesTheEarlierOneWins) {
  World world;
  world.AddAgent("a", 2);
  const std::string job = world.Running(world.Asking(2));
  const auto ranks = world.RanksOf(job);
  ranks[0]->exit = world.ExitWith("USER_ERROR");
  ranks[1]->exit = world.ExitWith("GPU_XID");
  ranks[1]->exit->time -= absl::Seconds(1);
  world.Settled();
  EXPECT_EQ(world.Job(job).end_reason, EndReason::kGpuXid);
}

TEST(Settle, AGpuThatTheDriverComplainsOfGetsNoMoreWorkUntilSomebodySaysSo) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  world.ExitAll(job, "GPU_XID");
  world.PassTogether(absl::Minutes(1));
  world.Settled();
  EXPECT_EQ(world.live.waiting.at(job), lifecycle::PendingReason::kAgentQuarantine);
  EXPECT_TRUE(world.book.agents.at("a").IsFaulty("a-gpu0"));
  world.AddAgent("b", 1);
  world.Settled();
  EXPECT_EQ(world.Job(job).current->ranks[0].agent, "b");
  ASSERT_TRUE(world.Try(SetAgentMode(world.book, "a", AgentMode::kReady, "", "ann")).ok());
  EXPECT_FALSE(world.book.agents.at("a").IsFaulty("a-gpu0"));
}

TEST(Settle, ARankThatWasKilledOnOrderIsNoCause) {
  World world;
  world.AddAgent("a", 2);
  const std::string job = world.Running(world.Asking(2));
  world.RanksOf(job)[0]->exit = world.ExitWith("NCCL_ERROR");
  world.Settled();  // the other one is killed, and says so
  EXPECT_EQ(world.Job(job).end_reason, EndReason::kNcclError);
  EXPECT_EQ(world.Job(job).restarts, (Restarts{0, 1, 0}));
}

TEST(Settle, EachClassHasItsOwnBudget) {
  World world;
  world.AddAgent("a", 1);
  Submission submission = world.Asking(1);
  submission.user_max = 1;
  submission.infra_max = 1;
  const std::string job = world.Running(submission);
  world.ExitAll(job, "INTERNAL");
  world.Settled();
  EXPECT_EQ(world.StateOf(job), JobState::kPending);
  RunAgain(world, job);
  world.ExitAll(job, "OOM_HOST");
  world.Settled();
  EXPECT_EQ(world.StateOf(job), JobState::kPending);
  EXPECT_EQ(world.Job(job).restarts, (Restarts{1, 1, 0}));
  RunAgain(world, job);
  world.ExitAll(job, "INTERNAL");
  world.Settled();
  EXPECT_EQ(world.StateOf(job), JobState::kFailed);
  EXPECT_EQ(world.Job(job).restarts, (Restarts{1, 1, 0}));
}

TEST(Settle, BackoffDoublesUntilThereIsProgress) {
  World world;
  world.AddAgent("a", 1);
  Submission submission = world.Asking(1);
  submission.infra_max = 100;
  const std::string job = world.Running(submission);
  std::vector<double> waits;
  const auto fail = [&] {
    world.ExitAll(job, "INTERNAL");
    world.Settled();
    ASSERT_EQ(world.StateOf(job), JobState::kPending);
    waits.push_back(absl::ToDoubleSeconds(world.Job(job).not_before - world.now.steady));
  };
  for (int i = 0; i < 12; ++i) {
    fail();
    RunAgain(world, job);
  }
  for (size_t i = 0; i < waits.size(); ++i) {
    const double middle = std::min(std::exp2(static_cast<double>(i)), 300.0);
    EXPECT_GE(waits[i], 0.75 * middle) << i;
    EXPECT_LE(waits[i], 1.25 * middle) << i;
  }
  world.RanksOf(job)[0]->checkpoint_step = 5;
  world.SyncAll();
  fail();
  EXPECT_LE(waits.back(), 1.25);
}

TEST(Settle, AJobInBackoffWaitsEvenWhenTheWallClockJumps) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  world.ExitAll(job, "INTERNAL");
  world.Settled();
  world.now.wall += absl::Hours(5);
  world.Cycle();
  EXPECT_EQ(world.StateOf(job), JobState::kPending);
  EXPECT_EQ(world.live.waiting.at(job), lifecycle::PendingReason::kBackoff);
  world.now.wall -= absl::Hours(500);
  world.Pass(absl::Seconds(2));
  world.SyncAll();
  world.Cycle();
  EXPECT_EQ(world.StateOf(job), JobState::kAdmitted);
}

TEST(Settle, TwoStallsAtOneStepAreNoProgress) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  const auto stall_at = [&](int64_t step) {
    world.StepTo(job, step);
    world.agents["a"].attempts.begin()->second.stall = StallReport{0, "rank 0 stands still"};
    world.Settled();
  };
  stall_at(7);
  EXPECT_EQ(world.Job(job).end_reason, EndReason::kStalled);
  RunAgain(world, job);
  stall_at(9);
  EXPECT_EQ(world.Job(job).end_reason, EndReason::kStalled) << "another step";
  RunAgain(world, job);
  stall_at(9);
  EXPECT_EQ(world.Job(job).end_reason, EndReason::kNoProgress);
  EXPECT_EQ(world.StateOf(job), JobState::kFailed);
  EXPECT_THAT(world.Job(job).message, HasSubstr("rank 0 stands still"));
}

TEST(Settle, TheCulpritOfAStallIsTheRankWithoutHeartbeat) {
  World world;
  world.AddAgent("a", 1);
  world.AddAgent("b", 1);
  const std::string job = world.Running(world.Asking(2));
  AgentReport b = world.ReportOf("b");
  b.attempts[0].ranks[0].heartbeat_age = absl::Seconds(31);
  ASSERT_TRUE(Absorb(world.book, b, world.now, world.live).ok());
  world.agents["a"].attempts.begin()->second.stall = StallReport{0, "waits in all-reduce"};
  ASSERT_TRUE(world.Sync("a").ok());
  ASSERT_TRUE(world.Job(job).current->cause.has_value());
  EXPECT_EQ(world.Job(job).current->cause->rank, 1);
  EXPECT_EQ(world.Job(job).current->cause->agent, "b");
  EXPECT_THAT(world.Job(job).message, HasSubstr("rank 1 on b is at step 1, without heartbeat for "
                                                "31 s"));
}

TEST(Settle, SilenceBeyondTheGraceEndsTheAttempt) {
  World world;
  world.AddAgent("a", 1);
  world.AddAgent("b", 1);
  const std::string job = world.Running(world.Asking(2));
  world.agents["b"].connected = false;
  const auto pass = [&](absl::Duration time) {
    for (absl::Duration t; t < time; t += absl::Seconds(1)) {
      world.Pass(absl::Seconds(1));
      world.SyncAll();
      world.Cycle();
    }
  };
  pass(absl::Seconds(50));
  EXPECT_EQ(world.book.agents.at("b").state(), "lost");
  EXPECT_EQ(world.StateOf(job), JobState::kRunning) << "a short cut is no reason";
  pass(absl::Seconds(15));
  EXPECT_EQ(world.StateOf(job), JobState::kPending);
  EXPECT_EQ(world.Job(job).end_reason, EndReason::kAgentLost);
  world.agents["b"].connected = true;
  world.SyncAll();
  EXPECT_TRUE(world.agents["b"].attempts.empty()) << "what is left there must be killed";
  world.SyncAll();
  EXPECT_EQ(world.book.agents.at("b").state(), "ready");
  world.Pass(absl::Seconds(2));
  world.Settled();
  EXPECT_EQ(world.Job(job).attempt, 2);
}

TEST(Settle, AShortSilenceHarmsNothing) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  world.Pass(absl::Seconds(50));
  world.Cycle();
  EXPECT_EQ(world.book.agents.at("a").state(), "lost");
  world.SyncAll();
  EXPECT_EQ(world.book.agents.at("a").state(), "ready");
  world.Pass(absl::Seconds(50));
  world.Cycle();
  EXPECT_EQ(world.StateOf(job), JobState::kRunning);
}

TEST(Settle, ACoordinatorThatRestartsGivesEveryAgentItsLease) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  world.Pass(absl::Hours(5));
  world.live = Live();
  world.live.began = world.now.steady;
  world.Cycle();
  EXPECT_EQ(world.StateOf(job), JobState::kRunning);
  world.SyncAll();
  world.ExitAll(job, "COMPLETED");
  world.Settled();
  EXPECT_EQ(world.StateOf(job), JobState::kSucceeded);
}

TEST(Settle, AMachineThatForgotTheAttemptIsANodeLost) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  ++world.agents["a"].self.incarnation;
  world.agents["a"].attempts.clear();
  const AgentReport report = world.ReportOf("a");
  const auto say = [&] {
    ASSERT_TRUE(Absorb(world.book, report, world.now, world.live).ok());
    world.Take(Observe(world.book, world.live, world.rules, report, world.now));
  };
  say();
  EXPECT_EQ(world.StateOf(job), JobState::kRunning) << "one report may have been under way";
  world.Pass(absl::Seconds(2));
  say();
  say();
  EXPECT_EQ(world.StateOf(job), JobState::kPending);
  EXPECT_EQ(world.Job(job).end_reason, EndReason::kNodeLost);
}

TEST(Settle, RanksThatDoNotComeUpAreAStartTimeout) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Add(world.Asking(1));
  world.Settled();
  EXPECT_EQ(world.StateOf(job), JobState::kStarting);
  world.PassTogether(absl::Minutes(11));
  world.Settled();
  EXPECT_EQ(world.Job(job).end_reason, EndReason::kStartTimeout);
}

TEST(Settle, WhileTheCoordinatorIsAwayNoRankIsLate) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Add(world.Asking(1));
  world.Settled();
  world.Pass(absl::Hours(5));
  world.live = Live();
  world.live.began = world.now.steady;
  world.Cycle();
  EXPECT_EQ(world.StateOf(job), JobState::kStarting) << "it may have begun long ago";
  world.SyncAll();
  world.PassTogether(absl::Minutes(11));
  world.Settled();
  EXPECT_EQ(world.Job(job).end_reason, EndReason::kStartTimeout);
}

TEST(Settle, RanksThatStopUnaskedAreAFailureUnlessTheySavedOrTheirAgentIsStopped) {
  for (const auto& [draining, saved] :
       {std::pair(false, false), {false, true}, {true, false}, {true, true}}) {
    World world;
    world.AddAgent("a", 1);
    const std::string job = world.Running(world.Asking(1));
    world.agents["a"].self.draining = draining;
    world.ExitAll(job, "STOPPED");
    if (!saved) world.RanksOf(job)[0]->exit->signal = 9;
    world.Settled();
    const bool preempted = draining || saved;
    EXPECT_EQ(world.Job(job).restarts, preempted ? (Restarts{0, 0, 1}) : (Restarts{0, 1, 0}));
  }
}

TEST(Settle, ARankThatWasKilledOnOrderHasSavedNothing) {
  for (const bool killed : {false, true}) {
    World world;
    world.AddAgent("a", 1);
    const std::string job = world.Running(world.Asking(1));
    world.PassTogether(absl::Minutes(1));
    world.dawdles = [] { return true; };
    ASSERT_TRUE(world.Try(Pause(world.book, job, "me")).ok());
    world.ExitAll(job, "STOPPED");
    if (killed) world.RanksOf(job)[0]->exit->signal = 9;
    world.Settled();
    ASSERT_EQ(world.StateOf(job), JobState::kPaused);
    const auto ended = std::find_if(
        world.journal.begin(), world.journal.end(),
        [](const Entry& entry) { return std::holds_alternative<AttemptEnded>(entry.update); });
    ASSERT_NE(ended, world.journal.end());
    EXPECT_EQ(std::get<AttemptEnded>(ended->update).row.split.productive_us,
              killed ? 0 : 60'000'000);
  }
}

TEST(Settle, DrainingAnAgentMovesItsJobs) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  world.AddAgent("b", 1);
  ASSERT_TRUE(
      world.Try(SetAgentMode(world.book, "a", AgentMode::kDraining, "maintenance", "me")).ok());
  world.Settled();
  EXPECT_EQ(world.Job(job).attempt, 2);
  EXPECT_EQ(world.Job(job).current->ranks[0].agent, "b");
  EXPECT_EQ(world.Job(job).restarts, (Restarts{0, 0, 1}));
}

TEST(Settle, ARankThatCrashesWhileSavingHasTheOthersKilled) {
  World world;
  world.AddAgent("a", 2);
  const std::string job = world.Running(world.Asking(2));
  world.dawdles = [] { return true; };
  ASSERT_TRUE(world.Try(Pause(world.book, job, "me")).ok());
  world.SyncAll();
  EXPECT_EQ(AssignmentsOf(world.book, world.live, world.rules, "a")[0].order, Order::kStop);
  world.RanksOf(job)[0]->exit = world.ExitWith("OOM_GPU");
  world.SyncAll();
  EXPECT_EQ(AssignmentsOf(world.book, world.live, world.rules, "a")[0].order, Order::kKill);
  world.dawdles = [] { return false; };
  world.Settled();
  EXPECT_EQ(world.StateOf(job), JobState::kPaused);
  EXPECT_EQ(world.Job(job).end_cause->reason, EndReason::kOomGpu);
}

TEST(Settle, WorkThatWasDoneBeforeTheOrderCameIsASuccess) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  world.ExitAll(job, "COMPLETED");
  ASSERT_TRUE(world.Try(Cancel(world.book, job, "me")).ok());
  world.Settled();
  EXPECT_EQ(world.StateOf(job), JobState::kSucceeded);
}

TEST(Verdict, ALeaseIsSplitWithoutRest) {
  const auto at = [](int64_t seconds) { return Moment{absl::UnixEpoch(), absl::Seconds(seconds)}; };
  AttemptRecord attempt;
  attempt.started = at(100);
  attempt.running = at(110);
  attempt.checkpoint = at(150);
  attempt.stopping = at(200);
  const auto seconds = [](const LeaseSplit& split) {
    std::vector<int64_t> all = {split.productive_us / 1'000'000};
    for (const int64_t wasted : split.wasted_us) all.push_back(wasted / 1'000'000);
    return all;  // productive, startup, stalled, rework, teardown
  };
  EXPECT_THAT(seconds(SplitOf(attempt, true, false, {}, at(205))),
              testing::ElementsAre(90, 10, 0, 0, 5));
  EXPECT_THAT(seconds(SplitOf(attempt, false, false, {}, at(205))),
              testing::ElementsAre(40, 10, 0, 50, 5));
  EXPECT_THAT(seconds(SplitOf(attempt, false, true, at(170), at(205))),
              testing::ElementsAre(40, 10, 30, 20, 5));
  attempt.running.reset();
  attempt.checkpoint.reset();
  EXPECT_THAT(seconds(SplitOf(attempt, false, false, {}, at(205))),
              testing::ElementsAre(0, 100, 0, 0, 5));
}

TEST(Verdict, TheJitterOfABackoffIsTheJobsAndTheAttempts) {
  const Rules rules;
  EXPECT_EQ(BackoffOf(rules, "job", 1, 3), BackoffOf(rules, "job", 1, 3));
  EXPECT_NE(BackoffOf(rules, "job", 1, 3), BackoffOf(rules, "job", 2, 3));
  EXPECT_NE(BackoffOf(rules, "job", 1, 3), BackoffOf(rules, "jab", 1, 3));
}

}  // namespace
}  // namespace lrti::coordinator
