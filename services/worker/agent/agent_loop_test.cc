#include "services/worker/agent/agent_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <functional>

#include "absl/time/clock.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/rpc/server.h"
#include "fmt/format.h"
#include "lrti/v1/worker.grpc.pb.h"
#include "services/worker/agent/test_agent.h"
#include "services/worker/device/cpu_slots.h"
#include "services/worker/rank/process_table.h"

namespace lrti::worker {
namespace {

using ::testing::HasSubstr;

// Looks again and again until it holds, for at most 30 s.
bool Eventually(const std::function<bool()>& holds) {
  for (const absl::Time end = absl::Now() + absl::Seconds(30); absl::Now() < end;) {
    if (holds()) return true;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return false;
}

// A coordinator that lists what the test says and keeps logs in memory.
class FakeAgentsService final : public v1::Agents::Service {
 public:
  grpc::Status Sync(grpc::ServerContext*, const v1::SyncRequest* request,
                    v1::SyncResponse* response) override {
    MutexLock lock(mutex_);
    ++syncs_;
    report_ = *request;
    *response = AnswerOf(listed_);
    return refusal_;
  }

  grpc::Status AppendSpool(grpc::ServerContext*, const v1::AppendSpoolRequest* request,
                           v1::AppendSpoolResponse* response) override {
    MutexLock lock(mutex_);
    std::string& file = files_[{request->rank(), request->stream()}];
    if (request->offset() <= file.size()) {
      const size_t known = file.size() - request->offset();
      if (known < request->data().size()) file += request->data().substr(known);
    }
    response->set_have(file.size());
    return grpc::Status::OK;
  }

  void List(const std::vector<v1::Assignment>& assignments) {
    MutexLock lock(mutex_);
    listed_ = assignments;
  }
  void Refuse(const grpc::Status& status) {
    MutexLock lock(mutex_);
    refusal_ = status;
  }
  v1::SyncRequest report() {
    MutexLock lock(mutex_);
    return report_;
  }
  std::string File(int64_t rank, v1::AppendSpoolRequest::Stream stream) {
    MutexLock lock(mutex_);
    return files_[{rank, stream}];
  }
  int64_t syncs() {
    MutexLock lock(mutex_);
    return syncs_;
  }

 private:
  Mutex mutex_;
  std::vector<v1::Assignment> listed_ ABSL_GUARDED_BY(mutex_);
  grpc::Status refusal_ ABSL_GUARDED_BY(mutex_);
  v1::SyncRequest report_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<int64_t, int>, std::string> files_ ABSL_GUARDED_BY(mutex_);
  int64_t syncs_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Real processes, real gRPC, a coordinator of the test's.
class AgentLoopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    settings_.name = "thor";
    settings_.trainer = LRTI_TEST_TRAINER;
    settings_.spool_free_bytes_min = 1;
    settings_.stall.heartbeat = absl::Milliseconds(600);
    StartCoordinator(0);
    client_ = *MakeGrpcAgents(fmt::format("127.0.0.1:{}", port_), {}, absl::Seconds(2));
    StartAgent();
  }

  void TearDown() override {
    loop_.reset();
    // Whatever a test left over, this ends it and makes sure of it.
    Agent agent(MachineNow(), 2);
    ASSERT_TRUE(agent.Adopt().ok());
    agent.Accept({});
    EXPECT_TRUE(Eventually([&] { return agent.Tick(), agent.idle(); })) << "a process is left";
  }

  void StartCoordinator(uint16_t port) {
    auto server = rpc::Server::Start(
        {.listen = fmt::format("127.0.0.1:{}", port), .services = {{"lrti.v1.Agents", &service_}}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    port_ = server_->port();
  }

  Machine MachineNow() {
    return {settings_, spool_, processes_, slots_, clock_, [this](const std::string& news) {
              MutexLock lock(mutex_);
              news_ += news + "\n";
            }};
  }

  void StartAgent() {
    auto loop = AgentLoop::Start(MachineNow(), *client_,
                                 {.tick = absl::Milliseconds(10),
                                  .ship = absl::Milliseconds(10),
                                  .incarnation = ++incarnation_,
                                  .replaced = [this] { replaced_ = true; }});
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
  }

  v1::Assignment PairOf(const std::string& script) {
    v1::Assignment pair = AssignmentOf("lrti-a", 1, {{0, "cpu-thor-0"}, {1, "cpu-thor-1"}});
    pair.set_config(script);
    return pair;
  }

  v1::AttemptReport Report() {
    const v1::SyncRequest report = service_.report();
    return report.attempts_size() > 0 ? report.attempts(0) : v1::AttemptReport();
  }
  int64_t PidOf(int rank) { return Report().ranks(rank).pid(); }
  bool BothRun() {
    const v1::AttemptReport report = Report();
    return report.ranks_size() == 2 && report.ranks(0).step() > 0 && report.ranks(1).step() > 0;
  }
  std::string News() {
    MutexLock lock(mutex_);
    return news_;
  }

  const TemporaryFolder folder_;
  AgentSettings settings_;
  const Spool spool_ = *Spool::Open(folder_ / "spool");
  ShimProcesses processes_{LRTI_TEST_TRAINER};
  CpuSlots slots_{"thor", 2};
  const SystemClock clock_;
  FakeAgentsService service_;
  uint16_t port_ = 0;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<AgentsClient> client_;
  std::unique_ptr<AgentLoop> loop_;
  uint64_t incarnation_ = 0;
  std::atomic<bool> replaced_ = false;
  Mutex mutex_;
  std::string news_ ABSL_GUARDED_BY(mutex_);
};

constexpr auto kLog = v1::AppendSpoolRequest::LOG;
constexpr auto kEvents = v1::AppendSpoolRequest::EVENTS;

TEST_F(AgentLoopTest, RunsAnAttemptToItsEndAndLosesNoByte) {
  service_.List({PairOf("steps=3 line_mib=2 print=hello")});
  ASSERT_TRUE(Eventually([&] { return Report().gone(); }));
  EXPECT_EQ(Report().ranks(0).exit().end_reason(), "COMPLETED");
  EXPECT_EQ(Report().ranks(1).step(), 3);
  const std::string log = "hello\n" + std::string(2 << 20, 'x') + "\n";
  EXPECT_TRUE(Eventually([&] { return service_.File(1, kLog) == log; }));
  EXPECT_TRUE(
      Eventually([&] { return service_.File(0, kEvents).find("finished") != std::string::npos; }));
  service_.List({});
  EXPECT_TRUE(Eventually([&] { return service_.report().attempts_size() == 0; }));
  EXPECT_TRUE(spool_.List()->empty());
}

TEST_F(AgentLoopTest, ARankThatIsKilledIsNamedAndItsSiblingEnded) {
  service_.List({PairOf("")});
  ASSERT_TRUE(Eventually([&] { return BothRun(); }));
  ASSERT_EQ(::kill(static_cast<pid_t>(PidOf(1)), SIGKILL), 0);
  ASSERT_TRUE(Eventually([&] { return Report().gone(); }));
  EXPECT_THAT(Report().ranks(1).exit().message(),
              HasSubstr("killed by signal 9 (SIGKILL), not by the agent"));
  EXPECT_EQ(Report().ranks(0).exit().end_reason(), "STOPPED");
}

TEST_F(AgentLoopTest, ARankThatIsStoppedIsTheCulpritOfTheStall) {
  service_.List({PairOf("")});
  ASSERT_TRUE(Eventually([&] { return BothRun(); }));
  ASSERT_EQ(::kill(static_cast<pid_t>(PidOf(1)), SIGSTOP), 0);
  ASSERT_TRUE(Eventually([&] { return Report().has_stall(); }));
  EXPECT_EQ(Report().stall().rank(), 1);
  EXPECT_THAT(Report().stall().verdict(), HasSubstr("rank 1 on host thor"));
  v1::Assignment kill = PairOf("");
  kill.set_order(v1::Assignment::KILL);
  service_.List({kill});
  EXPECT_TRUE(Eventually([&] { return Report().gone(); }));
}

TEST_F(AgentLoopTest, TrainingGoesOnWhileTheCoordinatorIsAway) {
  service_.List({PairOf("print=before")});
  ASSERT_TRUE(Eventually([&] { return BothRun(); }));
  const int64_t step = Report().ranks(1).step(), syncs = service_.syncs();
  server_.reset();
  ASSERT_TRUE(Eventually([&] { return !loop_->GetStats().link.ok(); }));
  StartCoordinator(port_);
  ASSERT_TRUE(Eventually([&] { return service_.syncs() > syncs; }));
  EXPECT_GT(Report().ranks(1).step(), step);
  EXPECT_FALSE(Report().ranks(1).has_exit());
  EXPECT_THAT(News(), HasSubstr("training goes on"));
}

TEST_F(AgentLoopTest, AnAgentThatComesBackTakesOverItsRanks) {
  service_.List({PairOf("")});
  ASSERT_TRUE(Eventually([&] { return BothRun(); }));
  const int64_t pid = PidOf(0), step = Report().ranks(0).step();
  loop_.reset();
  StartAgent();
  ASSERT_TRUE(Eventually([&] {
    return service_.report().incarnation() == incarnation_ && BothRun() &&
           Report().ranks(0).step() > step;
  }));
  EXPECT_EQ(PidOf(0), pid);
}

TEST_F(AgentLoopTest, AnAttemptThatIsNotListedAnyMoreIsKilled) {
  service_.List({PairOf("deaf=1 grandchild=1")});
  ASSERT_TRUE(Eventually([&] { return BothRun(); }));
  const auto rank = FindProcess(PidOf(1));
  ASSERT_TRUE(rank);
  service_.List({});
  EXPECT_TRUE(Eventually([&] { return service_.report().attempts_size() == 0; }));
  EXPECT_FALSE(IsAlive(rank->id));
}

TEST_F(AgentLoopTest, DrainingTellsTheCoordinatorAndLeavesTheRanks) {
  service_.List({PairOf("")});
  ASSERT_TRUE(Eventually([&] { return BothRun(); }));
  EXPECT_TRUE(loop_->Drain(false, absl::Seconds(20)));
  EXPECT_TRUE(service_.report().draining());
  loop_.reset();
  EXPECT_TRUE(FindProcess(PidOf(0)).has_value());
}

TEST_F(AgentLoopTest, DrainingWithStopHasTheRanksSaveAndShipsTheirLast) {
  service_.List({PairOf("")});
  ASSERT_TRUE(Eventually([&] { return BothRun(); }));
  EXPECT_TRUE(loop_->Drain(true, absl::Seconds(20)));
  EXPECT_EQ(Report().ranks(1).exit().end_reason(), "STOPPED");
  EXPECT_THAT(service_.File(1, kEvents), HasSubstr(R"("reason":"stopped")"));
}

TEST_F(AgentLoopTest, ANewerAgentOfTheSameNameIsHeardOf) {
  service_.Refuse(grpc::Status(grpc::StatusCode::ABORTED, "a newer agent has taken over"));
  EXPECT_TRUE(Eventually([&] { return replaced_.load(); }));
}

// The process of an agent, which is killed: only the spool is left to go by.
TEST(AgentProcess, ItsDeathBySigkillHarmsNoRank) {
  const TemporaryFolder folder;
  const Spool spool = *Spool::Open(folder / "spool");
  const AgentSettings settings{
      .name = "thor", .trainer = LRTI_TEST_TRAINER, .spool_free_bytes_min = 1};
  const SystemClock clock;
  ShimProcesses processes(LRTI_TEST_TRAINER);
  CpuSlots slots("thor", 1);
  const Machine machine{settings, spool, processes, slots, clock, [](const std::string&) {}};
  v1::Assignment assignment = AssignmentOf("lrti-a", 1, {{0, "cpu-thor-0"}});
  assignment.set_config("");

  const pid_t first = ::fork();
  if (first == 0) {
    Agent agent(machine, 1);
    if (!agent.Adopt().ok()) ::_exit(1);
    agent.Tick();
    agent.Accept(AnswerOf({assignment}));
    while (true) {
      agent.Tick();
      absl::SleepFor(absl::Milliseconds(5));
    }
  }
  const RankFiles files(RankFolder(spool.FolderOf({"lrti-a", 1}), 0));
  const auto bytes = [&] { return ReadFile(files.events, 1 << 20).value_or("").size(); };
  EXPECT_TRUE(Eventually([&] { return bytes() > 1000; }));
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  ASSERT_EQ(::waitpid(first, nullptr, 0), first);

  const size_t before = bytes();
  EXPECT_TRUE(Eventually([&] { return bytes() > before; })) << "training does not go on";
  Agent second(machine, 2);
  ASSERT_TRUE(second.Adopt().ok());
  second.Tick();
  assignment.set_order(v1::Assignment::STOP);
  assignment.mutable_grace()->set_seconds(20);
  second.Accept(AnswerOf({assignment}));
  EXPECT_TRUE(Eventually([&] { return second.Tick(), second.Report().attempts(0).gone(); }));
  const v1::SyncRequest report = second.Report();
  EXPECT_EQ(report.attempts(0).ranks(0).exit().end_reason(), "STOPPED");
  EXPECT_THAT(report.attempts(0).ranks(0).exit().message(), HasSubstr("saved and stopped"));
}

}  // namespace
}  // namespace lrti::worker
