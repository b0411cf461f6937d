#include "services/coordinator/state/observe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/coordinator/state/book_json.h"
#include "services/coordinator/state/cluster.h"
#include "services/coordinator/state/progress.h"
#include "services/coordinator/state/world_for_test.h"

namespace lrti::coordinator {
namespace {

using testing::HasSubstr;

absl::Status Say(World& world, const AgentReport& report) {
  absl::Status status = Absorb(world.book, report, world.now, world.live);
  if (status.ok()) world.Take(Observe(world.book, world.live, world.rules, report, world.now));
  return status;
}

TEST(Observe, AnAgentIsKnownFromItsFirstWord) {
  World world;
  world.AddAgent("a", 2);
  const AgentRecord& agent = world.book.agents.at("a");
  EXPECT_EQ(agent.state(), "ready");
  EXPECT_EQ(agent.devices.size(), 2U);
  const uint64_t seq = world.book.seq;
  world.SyncAll();
  EXPECT_EQ(world.book.seq, seq) << "the same again is no news";
  world.agents["a"].self.address = "elsewhere";
  world.SyncAll();
  EXPECT_EQ(world.book.agents.at("a").address, "elsewhere");
}

TEST(Observe, AnOldIncarnationMustStop) {
  World world;
  world.AddAgent("a", 1);
  AgentReport old = world.ReportOf("a");
  world.agents["a"].self.incarnation = 2;
  world.SyncAll();
  const absl::Status status = Say(world, old);
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(status.message(), HasSubstr("incarnation 1 was replaced by 2"));
}

TEST(Observe, AfterAStepBackOfItsClockAnAgentIsTakenOnceTheOtherIsLost) {
  World world;
  world.AddAgent("a", 1).self.incarnation = 7;
  world.SyncAll();
  AgentReport restarted = world.ReportOf("a");
  restarted.incarnation = 3;
  EXPECT_EQ(Say(world, restarted).code(), absl::StatusCode::kAborted);
  world.Pass(absl::Seconds(11));
  world.Cycle();
  EXPECT_TRUE(Say(world, restarted).ok());
  EXPECT_EQ(world.book.agents.at("a").incarnation, 3U);
  EXPECT_EQ(world.book.agents.at("a").state(), "ready");
}

TEST(Observe, ANewAgentTakesThePlaceOfALostOneWhenThereAreTooMany) {
  World world;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id = "old-" + std::to_string(i);
    world.book.agents[id].id = id;
  }
  AgentReport report;
  report.agent = "new";
  EXPECT_EQ(Say(world, report).code(), absl::StatusCode::kResourceExhausted);
  world.book.agents.at("old-6").lost = true;
  world.book.agents.at("old-6").active = {"job"};
  EXPECT_EQ(Say(world, report).code(), absl::StatusCode::kResourceExhausted);
  world.book.agents.at("old-7").lost = true;
  ASSERT_TRUE(Say(world, report).ok());
  EXPECT_EQ(world.book.agents.size(), 10'000U);
  EXPECT_TRUE(world.book.agents.contains("new"));
  EXPECT_FALSE(world.book.agents.contains("old-7"));
}

TEST(Observe, RefusesReportsThatMakeNoSense) {
  World world;
  AgentReport report;
  EXPECT_EQ(Say(world, report).code(), absl::StatusCode::kInvalidArgument);
  report.agent = "a";
  report.devices = {{"gpu", "H200", 1, 0, "free"}, {"gpu", "H200", 1, 0, "free"}};
  EXPECT_THAT(Say(world, report).message(), HasSubstr("reports device gpu twice"));
  report.devices.clear();
  report.attempts.resize(2);
  report.attempts[0].job = report.attempts[1].job = "job";
  EXPECT_THAT(Say(world, report).message(), HasSubstr("twice"));
  report.attempts.clear();
  report.devices.resize(2000);
  EXPECT_THAT(Say(world, report).message(), HasSubstr("at most 1024"));
  EXPECT_EQ(world.book.seq, 0U);
}

TEST(Observe, WhoClaimsTheGpuOfAnotherIsQuarantined) {
  World world;
  world.AddAgent("a", 1);
  AgentReport liar;
  liar.agent = "b";
  liar.incarnation = 1;
  liar.devices = {{"a-gpu0", "H200", uint64_t{80} << 30, 0, "free"},
                  {"b-gpu0", "H200", uint64_t{80} << 30, 0, "free"}};
  ASSERT_TRUE(Say(world, liar).ok());
  EXPECT_EQ(world.book.agents.at("b").state(), "quarantined");
  EXPECT_THAT(world.book.agents.at("b").message, HasSubstr("claims GPU a-gpu0, which agent a has"));
  EXPECT_EQ(world.book.agents.at("b").devices.size(), 1U);
  EXPECT_EQ(world.book.agents.at("a").state(), "ready");
  const uint64_t seq = world.book.seq;
  ASSERT_TRUE(Say(world, liar).ok());
  EXPECT_EQ(world.book.seq, seq) << "the same lie is no news";
}

TEST(Observe, CpuSlotsOfTwoMachinesMayHaveTheSameNames) {
  World world;
  for (const std::string id : {"a", "b"}) {
    AgentReport report;
    report.agent = id;
    report.devices = {{"cpu-0", "cpu", 1, 0, "free"}};
    ASSERT_TRUE(Say(world, report).ok());
  }
  const std::string job = world.Add(world.Asking(2));
  world.Cycle();
  EXPECT_EQ(world.StateOf(job), JobState::kAdmitted);
}

TEST(Observe, AMachineUnderANewNameTakesItsGpusAlong) {
  World world;
  world.AddAgent("a", 1);
  world.agents["a"].connected = false;
  world.Pass(absl::Seconds(20));
  world.Cycle();
  AgentReport renamed;
  renamed.agent = "b";
  renamed.devices = {{"a-gpu0", "H200", uint64_t{80} << 30, 0, "free"}};
  ASSERT_TRUE(Say(world, renamed).ok());
  EXPECT_EQ(world.book.agents.at("b").state(), "ready");
}

TEST(Observe, WhatAnAgentWasNotGivenChangesNothing) {
  World world;
  world.AddAgent("a", 1);
  world.AddAgent("b", 1);
  const std::string job = world.Running(world.Asking(1));
  const std::string owner = world.Job(job).current->ranks[0].agent;
  const std::string other = owner == "a" ? "b" : "a";
  AgentReport lie = world.ReportOf(owner);
  lie.agent = other;
  lie.incarnation = 1;
  lie.devices = world.agents[other].self.devices;
  lie.attempts[0].gone = true;
  lie.attempts[0].ranks[0].exit = world.ExitWith("COMPLETED");
  const std::string before = ToJson(world.book);
  ASSERT_TRUE(Say(world, lie).ok());
  EXPECT_EQ(ToJson(world.book), before);
  EXPECT_TRUE(AssignmentsOf(world.book, world.live, world.rules, other).empty())
      << "so it kills what it claims to run";
}

TEST(Observe, AnOldAttemptIsNotListed) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  AgentReport old = world.ReportOf("a");
  world.ExitAll(job, "INTERNAL");
  world.Settled();
  world.Pass(absl::Seconds(5));
  world.SyncAll();
  world.Settled();
  ASSERT_EQ(world.Job(job).attempt, 2);
  old.attempts[0].gone = true;
  old.attempts[0].ranks[0].exit = world.ExitWith("COMPLETED");
  ASSERT_TRUE(Say(world, old).ok());
  EXPECT_FALSE(lifecycle::IsFinal(world.StateOf(job)));
  const auto told = AssignmentsOf(world.book, world.live, world.rules, "a");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].attempt, 2);
}

TEST(Observe, CheckpointsAndPeaksAreKept) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  AgentReport report = world.ReportOf("a");
  RankReport& rank = report.attempts[0].ranks[0];
  rank.checkpoint_step = 10;
  rank.checkpoint_time = absl::Seconds(40);
  rank.memory_peak_bytes = uint64_t{12} << 30;
  ASSERT_TRUE(Say(world, report).ok());
  EXPECT_EQ(world.Job(job).checkpoint_step, 10);
  EXPECT_EQ(world.book.peaks.at(ShapeWith(*world.Job(job).submission, 1)), uint64_t{12} << 30);
  EXPECT_EQ(AssignmentsOf(world.book, world.live, world.rules, "a")[0].grace, absl::Seconds(80))
      << "twice the time of a checkpoint";
  const uint64_t seq = world.book.seq;
  ASSERT_TRUE(Say(world, report).ok());
  EXPECT_EQ(world.book.seq, seq);
}

TEST(Observe, AJobThatFilledItsGpuFitsItAgain) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  AgentReport report = world.ReportOf("a");
  const uint64_t memory = world.book.agents.at("a").devices[0].memory_bytes;
  report.attempts[0].ranks[0].memory_peak_bytes = memory;
  ASSERT_TRUE(Say(world, report).ok());
  const uint64_t forecast =
      ForecastOf(world.book, world.rules, *world.Job(job).submission, /*ranks=*/1);
  EXPECT_LE(forecast, memory);
  EXPECT_GT(forecast, memory - memory / 100);
}

TEST(Observe, ProgressIsOfTheLiveAttemptThenOfTheLast) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  AgentReport report = world.ReportOf("a");
  RankReport& rank = report.attempts[0].ranks[0];
  rank.step = 40;
  rank.steps_per_second = 2;
  rank.loss = 0.25;
  rank.phase = "forward_backward";
  ASSERT_TRUE(Say(world, report).ok());
  const Progress progress = ProgressOf(world.live, world.Job(job));
  EXPECT_EQ(progress.step, 40);
  EXPECT_EQ(progress.iterations, 100);
  EXPECT_EQ(progress.phase, "forward_backward");
  EXPECT_EQ(Eta(progress), absl::Seconds(30));
  rank.exit = world.ExitWith("COMPLETED");
  report.attempts[0].gone = true;
  ASSERT_TRUE(Say(world, report).ok());
  world.Cycle();
  ASSERT_EQ(world.StateOf(job), JobState::kSucceeded);
  EXPECT_EQ(ProgressOf(world.live, world.Job(job)).step, 40);
  EXPECT_EQ(ProgressOf(world.live, world.Job(job)).loss, 0.25);
}

TEST(Observe, AGpuThatVanishesTakesNoJobsEndAlong) {
  World world;
  world.AddAgent("a", 2);
  const std::string job = world.Running(world.Asking(1));
  const std::string device = world.Job(job).current->ranks[0].device;
  auto& devices = world.agents["a"].self.devices;
  std::erase_if(devices, [&](const DeviceReport& one) { return one.uuid == device; });
  world.SyncAll();
  EXPECT_EQ(world.book.agents.at("a").devices.size(), 1U);
  EXPECT_EQ(AssignmentsOf(world.book, world.live, world.rules, "a").size(), 1U);
  world.ExitAll(job, "INTERNAL");
  world.Settled();
  EXPECT_EQ(world.Job(job).end_reason, EndReason::kInternal);
}

TEST(Observe, RendezvousIsRankZerosForTheOthers) {
  World world;
  world.AddAgent("a", 1);
  world.AddAgent("b", 1);
  world.Running(world.Asking(2));
  AgentReport a = world.ReportOf("a");
  AgentReport b = world.ReportOf("b");
  a.attempts[0].rendezvous = "a:4000";
  b.attempts[0].rendezvous = "b:4000";
  ASSERT_TRUE(Say(world, a).ok());
  ASSERT_TRUE(Say(world, b).ok());
  EXPECT_EQ(AssignmentsOf(world.book, world.live, world.rules, "a")[0].rendezvous, "");
  EXPECT_EQ(AssignmentsOf(world.book, world.live, world.rules, "b")[0].rendezvous, "a:4000");
}

TEST(Observe, WhatStrangersSayIsKeptAsOneLineOfUtf8) {
  World world;
  world.AddAgent("a", 1);
  const std::string job = world.Running(world.Asking(1));
  world.ExitAll(job, "USER_ERROR");
  world.RanksOf(job)[0]->exit->message = "two\nlines \xff\xfe " + std::string(100'000, 'x');
  world.Settled();
  EXPECT_THAT(world.Job(job).message, HasSubstr("rank 0 on a: two lines ?? xxx"));
  EXPECT_LE(world.Job(job).message.size(), 1024U);
}

}  // namespace
}  // namespace lrti::coordinator
