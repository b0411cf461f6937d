#include "services/worker/agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "common/base/files.h"
#include "services/worker/agent/cause_file.h"
#include "services/worker/agent/test_agent.h"

namespace lrti::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class AgentTest : public ::testing::Test {
 protected:
  AgentTest() {
    settings_.name = "thor";
    settings_.trainer = LRTI_TEST_TRAINER;
    settings_.spool_free_bytes_min = 1;
    settings_.devices.free_wait = absl::Seconds(60);
    settings_.stall = {.heartbeat = absl::Seconds(3), .step_least = absl::Seconds(3)};
    Restart();
  }

  // Another agent process, with the same spool.
  void Restart() {
    agent_ =
        std::make_unique<Agent>(Machine{settings_, spool_, processes_, inventory_, clock_,
                                        [this](const std::string& news) { news_.push_back(news); }},
                                1);
    EXPECT_TRUE(agent_->Adopt().ok());
    Tick();
  }

  bool Tick(absl::Duration later = absl::Milliseconds(100)) {
    clock_.Advance(later);
    return agent_->Tick();
  }

  void Accept(const std::vector<v1::Assignment>& assignments) {
    agent_->Accept(AnswerOf(assignments));
    Tick();
  }

  std::string FolderOf(const v1::Assignment& assignment, int64_t rank) {
    return RankFolder(spool_.FolderOf({assignment.job(), assignment.attempt()}), rank);
  }
  FakeProcesses::Rank& RankOf(const v1::Assignment& assignment, int64_t rank) {
    return processes_.ranks[FolderOf(assignment, rank)];
  }
  void Say(const v1::Assignment& assignment, int64_t rank, const std::string& event) {
    const std::string path = RankFiles(FolderOf(assignment, rank)).events;
    ASSERT_TRUE(AppendFile::Open(path)->Append(event + "\n").ok());
  }
  void End(const v1::Assignment& assignment, int64_t rank, const ExitRecord& exit) {
    processes_.End(FolderOf(assignment, rank), exit);
  }

  v1::AttemptReport Report(const v1::Assignment& assignment) {
    const v1::SyncRequest all = agent_->Report();
    for (const auto& report : all.attempts()) {
      if (report.job() == assignment.job() && report.attempt() == assignment.attempt()) {
        return report;
      }
    }
    ADD_FAILURE() << "not reported";
    return {};
  }

  std::string StateOf(const std::string& device) {
    const v1::SyncRequest all = agent_->Report();
    for (const auto& entry : all.devices()) {
      if (entry.uuid() == device) return entry.state();
    }
    return "none";
  }

  const TemporaryFolder folder_;
  AgentSettings settings_;
  const Spool spool_ = *Spool::Open(folder_.path());
  FakeProcesses processes_;
  FakeInventory inventory_;
  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  std::vector<std::string> news_;
  std::unique_ptr<Agent> agent_;
  const v1::Assignment pair_ = AssignmentOf("lrti-a", 1, {{0, "d0"}, {1, "d1"}});
};

constexpr const char* kFinished = R"({"event":"finished","step":3,"reason":"iterations"})";

TEST_F(AgentTest, StartsTheRanksOfAnAttemptWithOneRendezvous) {
  Accept({pair_});
  EXPECT_THAT(processes_.order, ElementsAre(FolderOf(pair_, 0), FolderOf(pair_, 1)));
  EXPECT_TRUE(RankOf(pair_, 0).had_socket);
  EXPECT_FALSE(RankOf(pair_, 1).had_socket);
  const auto& variables = RankOf(pair_, 1).launch.environment;
  const std::string rendezvous = Report(pair_).rendezvous();
  EXPECT_THAT(rendezvous, StartsWith("127.0.0.1:"));
  EXPECT_EQ(variables.at("MASTER_ADDR") + ":" + variables.at("MASTER_PORT"), rendezvous);
  EXPECT_EQ(variables.at("LOCAL_RANK"), "1");
  EXPECT_EQ(StateOf("d0"), "busy");
  EXPECT_EQ(StateOf("d2"), "free");
}

TEST_F(AgentTest, TheTrainerIsToldConfigRunFolderAndToContinue) {
  Accept({pair_});
  const auto& command = RankOf(pair_, 0).launch.command;
  const std::string config = ConfigPath(spool_.FolderOf({"lrti-a", 1}));
  EXPECT_THAT(command, ElementsAre(LRTI_TEST_TRAINER, "train", config, "--run-dir", "/runs/lrti-a",
                                   "--continue"));
  EXPECT_EQ(*ReadFile(config, 1000), "steps=3");
}

TEST_F(AgentTest, RanksWhoseFirstIsElsewhereWaitForTheRendezvous) {
  v1::Assignment far = AssignmentOf("lrti-a", 1, {{2, "d0"}, {3, "d1"}}, 4);
  Accept({far});
  EXPECT_THAT(processes_.order, IsEmpty());
  EXPECT_EQ(Report(far).ranks(0).state(), "starting");
  far.set_rendezvous("10.0.0.1:4000");
  Accept({far});
  EXPECT_EQ(processes_.order.size(), 2U);
  EXPECT_EQ(RankOf(far, 3).launch.environment.at("MASTER_PORT"), "4000");
  EXPECT_EQ(RankOf(far, 3).launch.environment.at("WORLD_SIZE"), "4");
  EXPECT_TRUE(Report(far).rendezvous().empty());
}

TEST_F(AgentTest, ReportsWhatTheEventsSay) {
  Accept({pair_});
  Say(pair_, 1, R"({"event":"started","ts":"2026-03-01T10:00:00Z","device":"cpu","iterations":9})");
  Say(pair_, 1, R"({"event":"heartbeat","step":4,"phase":"optimizer","phase_age_s":1})");
  Tick(absl::Seconds(2));
  Tick(absl::Seconds(1));
  const v1::RankReport rank = Report(pair_).ranks(1);
  EXPECT_EQ(rank.state(), "running");
  EXPECT_EQ(rank.step(), 4);
  EXPECT_EQ(rank.phase_age().seconds(), 2);
  EXPECT_EQ(rank.heartbeat_age().seconds(), 1);
  EXPECT_EQ(rank.loaded().seconds(), 1'772'359'200);
}

TEST_F(AgentTest, AnAttemptThatFinishesIsGoneWithItsDevicesFree) {
  Accept({pair_});
  for (const int64_t rank : {0, 1}) {
    Say(pair_, rank, kFinished);
    End(pair_, rank, {});
  }
  EXPECT_TRUE(Tick()) << "the coordinator should know at once";
  Tick(absl::Seconds(1));
  EXPECT_TRUE(Report(pair_).gone());
  EXPECT_EQ(Report(pair_).ranks(1).exit().end_reason(), "COMPLETED");
  EXPECT_EQ(StateOf("d0"), "free");
}

TEST_F(AgentTest, AnAttemptIsNotGoneBeforeTheMemoryOfItsDeviceIsBack) {
  Accept({pair_});
  inventory_.devices[1].memory_used_bytes = uint64_t{30} << 30;
  for (const int64_t rank : {0, 1}) End(pair_, rank, {.code = 75});
  Tick(absl::Seconds(1));
  EXPECT_FALSE(Report(pair_).gone());
  EXPECT_EQ(StateOf("d1"), "busy");
  Tick(absl::Seconds(61));
  Tick(absl::Seconds(1));
  EXPECT_TRUE(Report(pair_).gone());
  EXPECT_EQ(StateOf("d1"), "leaked");
}

TEST_F(AgentTest, ARankThatFailsEndsItsSiblingsAtOnce) {
  Accept({pair_});
  Say(pair_, 1, R"({"event":"failed","code":"INVALID_ARGUMENT","message":"bad crop"})");
  End(pair_, 1, {.code = 2});
  Tick();
  EXPECT_THAT(RankOf(pair_, 0).signals, ElementsAre(SIGKILL));
  End(pair_, 0, {.signal = SIGKILL});
  Tick();
  EXPECT_EQ(Report(pair_).ranks(1).exit().end_reason(), "USER_ERROR");
  EXPECT_EQ(Report(pair_).ranks(0).exit().end_reason(), "STOPPED");
  EXPECT_THAT(Report(pair_).ranks(0).exit().message(), HasSubstr("rank 1 ended first: bad crop"));
}

TEST_F(AgentTest, ARankThatOnlyLostAPeerGivesTheOthersTimeToSayWhy) {
  Accept({pair_});
  End(pair_, 1, {.code = 75});
  Tick();
  EXPECT_THAT(RankOf(pair_, 0).signals, ElementsAre(SIGTERM));
  Tick(absl::Seconds(5));
  EXPECT_THAT(RankOf(pair_, 0).signals, ElementsAre(SIGTERM, SIGKILL));
}

TEST_F(AgentTest, StopAsksAndKillsAfterTheGrace) {
  Accept({pair_});
  v1::Assignment stop = pair_;
  stop.set_order(v1::Assignment::STOP);
  stop.mutable_grace()->set_seconds(30);
  Accept({stop});
  EXPECT_THAT(RankOf(pair_, 0).signals, ElementsAre(SIGTERM));
  EXPECT_THAT(RankOf(pair_, 1).signals, ElementsAre(SIGTERM));
  Say(pair_, 1, R"({"event":"finished","step":2,"reason":"stopped"})");
  End(pair_, 1, {});
  Accept({stop});
  Tick(absl::Seconds(30));
  EXPECT_THAT(RankOf(pair_, 0).signals, ElementsAre(SIGTERM, SIGKILL));
  EXPECT_THAT(RankOf(pair_, 1).signals, ElementsAre(SIGTERM));
  EXPECT_EQ(Report(pair_).ranks(1).exit().end_reason(), "STOPPED");
}

TEST_F(AgentTest, KillKillsAtOnce) {
  Accept({pair_});
  v1::Assignment kill = pair_;
  kill.set_order(v1::Assignment::KILL);
  Accept({kill});
  EXPECT_THAT(RankOf(pair_, 0).signals, ElementsAre(SIGKILL));
}

TEST_F(AgentTest, WhatIsNotListedIsKilledAndForgottenOnceItsFilesAreThere) {
  Accept({pair_});
  Accept({});
  EXPECT_THAT(RankOf(pair_, 0).signals, ElementsAre(SIGKILL));
  for (const int64_t rank : {0, 1}) End(pair_, rank, {.signal = SIGKILL});
  Tick();
  Tick();
  EXPECT_TRUE(Report(pair_).gone());
  agent_->Acknowledge({"lrti-a", 1});
  Tick();
  EXPECT_EQ(agent_->attempts(), 0U);
  EXPECT_THAT(*spool_.List(), IsEmpty());
}

TEST_F(AgentTest, AnEndedAttemptStaysInTheReportsWhileItIsListed) {
  Accept({pair_});
  for (const int64_t rank : {0, 1}) End(pair_, rank, {});
  Tick();
  agent_->Acknowledge({"lrti-a", 1});
  Accept({pair_});
  EXPECT_TRUE(Report(pair_).gone());
  EXPECT_EQ(processes_.order.size(), 2U) << "it is not started again";
}

TEST_F(AgentTest, AnAttemptThatShallEndButNeverWasHereIsGone) {
  v1::Assignment kill = pair_;
  kill.set_order(v1::Assignment::KILL);
  Accept({kill});
  EXPECT_TRUE(Report(pair_).gone());
  EXPECT_THAT(processes_.order, IsEmpty());
}

TEST_F(AgentTest, TheNextAttemptWaitsForTheDevicesOfTheOneBefore) {
  Accept({pair_});
  const v1::Assignment next = AssignmentOf("lrti-a", 2, {{0, "d0"}, {1, "d1"}});
  Accept({next});
  EXPECT_EQ(processes_.order.size(), 2U);
  for (const int64_t rank : {0, 1}) End(pair_, rank, {.signal = SIGKILL});
  Tick(absl::Seconds(1));
  Tick(absl::Seconds(1));
  EXPECT_EQ(processes_.order.size(), 4U);
  EXPECT_TRUE(Report(pair_).gone());
}

TEST_F(AgentTest, ARestartedAgentTakesOverWhatRunsAndEndsNothingBeforeTheFirstAnswer) {
  Accept({pair_});
  const std::string rendezvous = Report(pair_).rendezvous();
  Restart();
  Tick(absl::Seconds(10));
  EXPECT_THAT(RankOf(pair_, 0).signals, IsEmpty());
  EXPECT_EQ(Report(pair_).rendezvous(), rendezvous);
  EXPECT_EQ(StateOf("d0"), "busy");
  Accept({pair_});
  EXPECT_EQ(processes_.order.size(), 2U) << "nothing is started twice";
  Accept({});
  EXPECT_THAT(RankOf(pair_, 0).signals, ElementsAre(SIGKILL));
}

TEST_F(AgentTest, ARestartedAgentKnowsWhyItsPredecessorKilled) {
  Accept({pair_});
  Accept({});
  Restart();
  End(pair_, 0, {.signal = SIGKILL});
  Tick();
  EXPECT_EQ(Report(pair_).ranks(0).exit().end_reason(), "STOPPED");
}

TEST_F(AgentTest, ARestartedAgentBringsToItsEndWhatItsPredecessorWasEnding) {
  Accept({pair_});
  agent_->Drain(true);
  Restart();
  Accept({pair_});
  RankOf(pair_, 0).signals.clear();
  Tick(settings_.stop_grace);
  EXPECT_THAT(RankOf(pair_, 0).signals, ElementsAre(SIGKILL));
}

TEST_F(AgentTest, ARankThatWasNotStartedBeforeItsAttemptEndedNeverIs) {
  const v1::Assignment late = AssignmentOf("lrti-a", 1, {{0, "d0"}, {1, "d0"}});  // waits for d0
  Accept({late});
  ASSERT_TRUE(WriteCause(CausePath(spool_.FolderOf({"lrti-a", 1})), {.text = "it was told"}).ok());
  Restart();
  EXPECT_EQ(Report(late).ranks(1).exit().end_reason(), "STOPPED");
}

TEST_F(AgentTest, ADamagedSpoolIsLeftAloneWithAWarning) {
  Accept({pair_});
  const std::string path = AssignmentPath(spool_.FolderOf({"lrti-a", 1}));
  ASSERT_TRUE(WriteFileAtomic(path, "{\"job\":").ok());
  Restart();
  EXPECT_EQ(agent_->attempts(), 0U);
  ASSERT_FALSE(news_.empty());
  EXPECT_THAT(news_.back(), HasSubstr("lrti-a attempt 1 is left as it is"));
}

TEST_F(AgentTest, NamesTheRankThatStandsStill) {
  Accept({pair_});
  for (int second = 1; second <= 5; ++second) {
    Say(pair_, 0, R"({"event":"heartbeat","step":7,"phase":"waiting"})");
    if (second == 1) Say(pair_, 1, R"({"event":"heartbeat","step":7,"phase":"optimizer"})");
    Tick(absl::Seconds(1));
  }
  const v1::AttemptReport report = Report(pair_);
  ASSERT_TRUE(report.has_stall());
  EXPECT_EQ(report.stall().rank(), 1);
  EXPECT_EQ(report.stall().verdict(),
            "rank 1 on host thor (d1): no heartbeat for 4 s, last step 7, phase optimizer; others "
            "here: rank 0 in waiting at step 7");
}

TEST_F(AgentTest, AGpuThatIsLostEndsItsRankAtOnceAndIsNamed) {
  Accept({pair_});
  inventory_.xids = {{"d1", 79}, {"d2", 79}};
  Tick();
  EXPECT_THAT(RankOf(pair_, 0).signals, ElementsAre(SIGKILL));
  EXPECT_THAT(RankOf(pair_, 1).signals, ElementsAre(SIGKILL));
  End(pair_, 0, {.signal = SIGKILL});
  End(pair_, 1, {.signal = SIGKILL});
  Tick();
  const v1::AttemptReport report = Report(pair_);
  EXPECT_EQ(report.ranks(0).exit().end_reason(), kStopped);
  EXPECT_EQ(report.ranks(1).exit().end_reason(), "GPU_XID");
  EXPECT_THAT(report.ranks(1).exit().message(),
              StartsWith("the driver reported XID 79 (the GPU has fallen off the bus) of d1"));
  EXPECT_EQ(agent_->xids().at({"d1", 79}), 1U);
}

TEST_F(AgentTest, ARankThatFailsAfterAFaultOfItsGpuFailsBecauseOfIt) {
  Accept({pair_});
  inventory_.xids = {{"d0", 94}};
  Tick();
  EXPECT_THAT(RankOf(pair_, 0).signals, IsEmpty());
  inventory_.xids = {{"d1", 31}};  // in the same round as the exit
  End(pair_, 1, {.code = 1});
  Tick();
  EXPECT_EQ(Report(pair_).ranks(1).exit().end_reason(), "INTERNAL");
  EXPECT_THAT(Report(pair_).ranks(1).exit().message(), HasSubstr("reported XID 31"));
  End(pair_, 0, {.code = 1});
  Tick();
  EXPECT_EQ(Report(pair_).ranks(0).exit().end_reason(), "GPU_XID");
}

TEST_F(AgentTest, AnAttemptThatWritesTooMuchLogIsEnded) {
  settings_.log_bytes_max = 10;
  Accept({pair_});
  ASSERT_TRUE(WriteFileAtomic(RankFiles(FolderOf(pair_, 1)).log, "more than ten bytes").ok());
  Tick();
  EXPECT_THAT(RankOf(pair_, 0).signals, ElementsAre(SIGKILL));
  End(pair_, 0, {.signal = SIGKILL});
  Tick();
  EXPECT_EQ(Report(pair_).ranks(0).exit().end_reason(), "LOG_QUOTA_EXCEEDED");
}

TEST_F(AgentTest, AFullSpoolIsReportedAndNothingIsStarted) {
  settings_.spool_free_bytes_min = uint64_t{1} << 60;
  Restart();
  EXPECT_THAT(agent_->Report().trouble(), HasSubstr("the disk of the spool"));
  Accept({pair_});
  Tick();
  EXPECT_THAT(processes_.order, IsEmpty());
  EXPECT_TRUE(Report(pair_).gone());
  EXPECT_EQ(Report(pair_).ranks(0).exit().end_reason(), "INTERNAL");
  EXPECT_THAT(Report(pair_).ranks(0).exit().message(), HasSubstr("the disk of the spool"));
}

TEST_F(AgentTest, ATrainerThatIsThereAgainEndsTheTrouble) {
  settings_.trainer = folder_ / "lrti-vsr";
  Restart();
  EXPECT_THAT(agent_->Report().trouble(), HasSubstr("no trainer there"));
  std::filesystem::create_symlink(LRTI_TEST_TRAINER, folder_ / "lrti-vsr");
  Tick(absl::Seconds(10));
  EXPECT_EQ(agent_->Report().trouble(), "");
  EXPECT_THAT(news_.back(), HasSubstr("ranks can be started again"));
}

TEST_F(AgentTest, ARankThatCannotBeStartedEndsTheAttempt) {
  processes_.start_status = absl::UnavailableError("no more processes");
  Accept({pair_});
  Tick(absl::Seconds(1));
  EXPECT_TRUE(Report(pair_).gone());
  EXPECT_THAT(Report(pair_).ranks(0).exit().message(), HasSubstr("no more processes"));
}

TEST_F(AgentTest, AnAttemptWithoutItsConfigIsNoneForTheNextAgent) {
  std::filesystem::create_directories(ConfigPath(spool_.FolderOf({"lrti-a", 1})));
  Accept({pair_});
  EXPECT_THAT(Report(pair_).ranks(0).exit().message(), HasSubstr("config.yaml"));
  EXPECT_THAT(*spool_.List(), IsEmpty());
}

TEST_F(AgentTest, AMemberOfNoJobIsNeverAPath) {
  Accept({AssignmentOf("../../etc", 1, {{0, "d0"}})});
  EXPECT_EQ(agent_->attempts(), 0U);
  EXPECT_THAT(news_.back(), HasSubstr("'../../etc'"));
}

TEST_F(AgentTest, DrainingAsksForNothingAndWithStopEndsWhatRuns) {
  Accept({pair_});
  agent_->Drain(false);
  Tick();
  EXPECT_TRUE(agent_->Report().draining());
  EXPECT_THAT(RankOf(pair_, 0).signals, IsEmpty());
  EXPECT_FALSE(agent_->idle());
  agent_->Drain(true);
  Tick();
  EXPECT_THAT(RankOf(pair_, 0).signals, ElementsAre(SIGTERM));
  for (const int64_t rank : {0, 1}) End(pair_, rank, {});
  Tick();
  EXPECT_TRUE(agent_->idle());
}

TEST_F(AgentTest, WhatIsAskedOfAnAgentThatStopsItsRanksIsOverAtOnce) {
  agent_->Drain(true);
  Accept({pair_});
  Tick();
  EXPECT_THAT(processes_.order, IsEmpty());
  EXPECT_TRUE(Report(pair_).gone());
}

TEST_F(AgentTest, WhatIsAskedOfAnAgentThatLeavesIsForTheNextOne) {
  agent_->Drain(false);
  Accept({pair_});
  EXPECT_EQ(agent_->attempts(), 0U);
  Restart();
  Accept({pair_});
  EXPECT_EQ(processes_.order.size(), 2U);
}

TEST_F(AgentTest, WithoutAnAnswerItGoesOnWithTheLastOne) {
  Accept({pair_});
  for (int hour = 0; hour < 100; ++hour) Tick(absl::Milliseconds(100));
  EXPECT_THAT(RankOf(pair_, 0).signals, IsEmpty());
}

}  // namespace
}  // namespace lrti::worker
