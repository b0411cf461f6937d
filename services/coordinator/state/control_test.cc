#include "services/coordinator/state/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/coordinator/state/world_for_test.h"

namespace lrti::coordinator {
namespace {

using testing::HasSubstr;

TEST(Control, PauseSavesAndResumeGoesOn) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  ASSERT_TRUE(world.Try(Pause(world.book, job, "ann")).ok());
  EXPECT_EQ(world.StateOf(job), JobState::kPausing);
  EXPECT_TRUE(Pause(world.book, job, "ann")->empty()) << "idempotent";
  EXPECT_EQ(Resume(world.book, job, "ann").status().code(), absl::StatusCode::kFailedPrecondition);
  world.Settled();
  EXPECT_EQ(world.StateOf(job), JobState::kPaused);
  EXPECT_TRUE(Pause(world.book, job, "ann")->empty());
  EXPECT_EQ(world.Job(job).end_reason, EndReason::kUserPaused);
  EXPECT_EQ(world.Job(job).message, "paused by ann");
  ASSERT_TRUE(world.Try(Resume(world.book, job, "ann")).ok());
  world.Settled();
  EXPECT_EQ(world.Job(job).attempt, 2);
  EXPECT_EQ(world.Job(job).restarts, Restarts()) << "a pause costs no budget";
}

TEST(Control, AWaitingJobIsPausedAndCancelledAtOnce) {
  World world;
  const std::string job = world.Add(world.Asking(1));
  ASSERT_TRUE(world.Try(Pause(world.book, job, "ann")).ok());
  EXPECT_EQ(world.StateOf(job), JobState::kPaused);
  ASSERT_TRUE(world.Try(Cancel(world.book, job, "ann")).ok());
  EXPECT_EQ(world.StateOf(job), JobState::kCancelled);
  EXPECT_TRUE(Cancel(world.book, job, "ann")->empty()) << "idempotent";
}

TEST(Control, CancelledOnlyWhenEveryProcessIsGone) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  world.dawdles = [] { return true; };
  ASSERT_TRUE(world.Try(Cancel(world.book, job, "ann")).ok());
  world.Settled();
  EXPECT_EQ(world.StateOf(job), JobState::kCancelling);
  EXPECT_EQ(AssignmentsOf(world.book, world.live, world.rules, "a")[0].order, Order::kKill);
  world.dawdles = [] { return false; };
  world.Settled();
  EXPECT_EQ(world.StateOf(job), JobState::kCancelled);
}

TEST(Control, RetryBeginsAgainWithNewBudgets) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  world.ExitAll(job, "USER_ERROR");
  world.Settled();
  ASSERT_EQ(world.StateOf(job), JobState::kFailed);
  EXPECT_EQ(world.Job(job).ended, world.now.wall);
  ASSERT_TRUE(world.Try(Retry(world.book, job, "ann")).ok());
  EXPECT_EQ(world.StateOf(job), JobState::kPending);
  EXPECT_EQ(world.Job(job).restarts, Restarts());
  EXPECT_EQ(world.Job(job).ended, absl::InfinitePast());
  world.Settled();
  EXPECT_EQ(world.Job(job).attempt, 2) << "the epoch goes on growing";
}

TEST(Control, RetryEndsABackoff) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  world.ExitAll(job, "INTERNAL");
  world.Settled();
  ASSERT_EQ(world.StateOf(job), JobState::kPending);
  ASSERT_TRUE(world.Try(Retry(world.book, job, "ann")).ok());
  EXPECT_TRUE(Retry(world.book, job, "ann")->empty()) << "idempotent";
  world.Cycle();
  EXPECT_EQ(world.StateOf(job), JobState::kAdmitted);
}

TEST(Control, IllegalTransitionsNameTheStateAndWhatToDo) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  EXPECT_THAT(Retry(world.book, job, "ann").status().message(),
              HasSubstr("is RUNNING and cannot be tried again; only FAILED, CANCELLED"));
  world.ExitAll(job, "COMPLETED");
  world.Settled();
  for (const auto& refused : {Pause(world.book, job, "ann"), Resume(world.book, job, "ann"),
                              Cancel(world.book, job, "ann"), Retry(world.book, job, "ann"),
                              SetPriority(world.book, job, 3, "ann")}) {
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(refused.status().message(), HasSubstr("SUCCEEDED"));
  }
}

TEST(Control, PriorityIsBoundedAndMovesTheJobInTheQueue) {
  World world;
  const std::string first = world.Add(world.Asking(1));
  const std::string second = world.Add(world.Asking(1));
  EXPECT_EQ(SetPriority(world.book, second, 101, "ann").status().code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(world.Try(SetPriority(world.book, second, 90, "ann")).ok());
  EXPECT_EQ(world.book.pending.begin()->second, second);
  EXPECT_TRUE(SetPriority(world.book, second, 90, "ann")->empty());
}

TEST(Control, JobsAreNamedByAnyUnambiguousBeginning) {
  World world;
  world.Add(world.Asking(1));
  world.Add(world.Asking(1));
  EXPECT_EQ((*JobNamed(world.book, "job-1"))->id(), "job-1");
  EXPECT_EQ(JobNamed(world.book, "job").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(JobNamed(world.book, "jab").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(JobNamed(world.book, "").status().code(), absl::StatusCode::kNotFound);
}

TEST(Control, AgentsAreDrainedAndComeBack) {
  World world;
  world.AddAgent("a", 1);
  EXPECT_EQ(SetAgentMode(world.book, "b", AgentMode::kReady, "", "ann").status().code(),
            absl::StatusCode::kNotFound);
  ASSERT_TRUE(world.Try(SetAgentMode(world.book, "a", AgentMode::kDraining, "dust", "ann")).ok());
  EXPECT_EQ(world.book.agents.at("a").state(), "draining");
  EXPECT_EQ(world.book.agents.at("a").message, "dust");
  world.Pass(absl::Seconds(20));
  world.Cycle();
  EXPECT_EQ(world.book.agents.at("a").state(), "lost");
  world.SyncAll();
  EXPECT_EQ(world.book.agents.at("a").state(), "draining") << "a lost agent keeps its mode";
  ASSERT_TRUE(world.Try(SetAgentMode(world.book, "a", AgentMode::kReady, "", "ann")).ok());
  EXPECT_EQ(world.book.agents.at("a").state(), "ready");
}

}  // namespace
}  // namespace lrti::coordinator
