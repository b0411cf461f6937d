#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include "absl/time/clock.h"
#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/test_files.h"
#include "fmt/format.h"
#include "services/worker/rank/event_tail.h"
#include "services/worker/rank/listen_socket.h"
#include "services/worker/rank/log_tail.h"
#include "services/worker/rank/rank_processes.h"
#include "services/worker/rank/spool.h"

namespace lrti::worker {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Looks again and again until it holds, for at most 20 s.
bool Eventually(const std::function<bool()>& holds) {
  for (const absl::Time end = absl::Now() + absl::Seconds(20); absl::Now() < end;) {
    if (holds()) return true;
    absl::SleepFor(absl::Milliseconds(2));
  }
  return false;
}

// A rank of real processes in a folder of its own.
class RankProcessesTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(MakeFolders(files_.folder).ok()); }
  void TearDown() override {
    const auto pids = ReadPidRecord(files_.pid);
    if (pids.ok()) SignalProcess(pids->trainer, SIGKILL);
    EXPECT_TRUE(Eventually([this] { return Look().gone; })) << "a process is left over";
  }

  LaunchRecord Launch(const std::string& script) {
    EXPECT_TRUE(WriteFileAtomic(config_, script).ok());
    return {.command = {LRTI_TEST_TRAINER, "train", config_},
            .environment = {{"RANK", "0"}},
            .alive_path = folder_ / "alive"};
  }

  void Start(const std::string& script) {
    const absl::Status status = processes_.Start(files_.folder, Launch(script), -1);
    ASSERT_TRUE(status.ok()) << status;
  }

  RankSight Look() { return processes_.Look(files_.folder); }

  RankSight WaitUntilGone() {
    EXPECT_TRUE(Eventually([this] { return Look().gone; }));
    return Look();
  }

  std::string Log() { return ReadFile(files_.log, 64 << 20).value_or(""); }

  void WaitForLog(const std::string& text) {
    ASSERT_TRUE(Eventually([&] { return Log().find(text) != std::string::npos; })) << Log();
  }

  void WaitForStep() {
    ASSERT_TRUE(Eventually([&] {
      return ReadFile(files_.events, 64 << 20).value_or("").find("heartbeat") != std::string::npos;
    }));
  }

  // The process that a trainer with `grandchild=1` left.
  ProcessId Grandchild() {
    WaitForLog("grandchild ");
    const auto entry = FindProcess(std::stoll(Log().substr(Log().find("grandchild ") + 11)));
    return entry ? entry->id : ProcessId{};
  }

  TemporaryFolder folder_;
  const RankFiles files_{folder_ / "job/1/rank-0"};
  const std::string config_ = folder_ / "config.yaml";
  ShimProcesses processes_{LRTI_TEST_TRAINER};
};

TEST_F(RankProcessesTest, ARankThatFinishesLeavesItsRecordItsLogAndItsEvents) {
  Start("steps=2 print=hello");
  const RankSight sight = WaitUntilGone();
  ASSERT_TRUE(sight.exit.has_value());
  EXPECT_EQ(sight.exit->code, 0);
  EXPECT_EQ(sight.exit->signal, 0);
  EXPECT_LT(absl::Now() - sight.exit->time, absl::Minutes(1));
  EXPECT_EQ(Log(), "hello\n");
  std::vector<std::string> lines;
  EventTail(files_.events).Poll([&](std::string_view line) { lines.emplace_back(line); });
  EXPECT_EQ(lines.size(), 6U);
  EXPECT_THAT(lines.back(), HasSubstr("finished"));
}

TEST_F(RankProcessesTest, TheExitCodeIsTheTrainersOwn) {
  Start("steps=1 exit=75");
  EXPECT_EQ(WaitUntilGone().exit->code, 75);
}

TEST_F(RankProcessesTest, DeathBySignalIsRecorded) {
  Start("steps=1 abort=1");
  EXPECT_EQ(WaitUntilGone().exit->signal, SIGABRT);
}

TEST_F(RankProcessesTest, SigtermReachesTheTrainerWhichEndsWell) {
  Start("");
  WaitForStep();
  processes_.Signal(files_.folder, SIGTERM);
  EXPECT_EQ(WaitUntilGone().exit->code, 0);
  EXPECT_THAT(ReadFile(files_.events, 64 << 20).value_or(""), HasSubstr(R"("reason":"stopped")"));
}

TEST_F(RankProcessesTest, AProgramThatIsNotThereIsExitCode127) {
  LaunchRecord launch = Launch("");
  launch.command = {"/nowhere/lrti-vsr"};
  ASSERT_TRUE(processes_.Start(files_.folder, launch, -1).ok());
  EXPECT_EQ(WaitUntilGone().exit->code, 127);
  EXPECT_THAT(Log(), HasSubstr("/nowhere/lrti-vsr: cannot be started: No such file"));
}

TEST_F(RankProcessesTest, AGrandchildThatIgnoresSigtermAndKeepsTheLogOpenDiesWithTheRank) {
  Start("grandchild=1 steps=3");
  const ProcessId grandchild = Grandchild();
  EXPECT_EQ(WaitUntilGone().exit->code, 0);
  EXPECT_FALSE(IsAlive(grandchild));
}

TEST_F(RankProcessesTest, ARankKilledTakesItsGrandchildWithIt) {
  Start("grandchild=1 deaf=1");
  const ProcessId grandchild = Grandchild();
  EXPECT_TRUE(IsAlive(grandchild));
  processes_.Signal(files_.folder, SIGKILL);
  EXPECT_EQ(WaitUntilGone().exit->signal, SIGKILL);
  EXPECT_FALSE(IsAlive(grandchild));
}

TEST_F(RankProcessesTest, AStoppedRankCanBeKilled) {
  Start("");
  WaitForStep();
  processes_.Signal(files_.folder, SIGSTOP);
  processes_.Signal(files_.folder, SIGKILL);
  EXPECT_EQ(WaitUntilGone().exit->signal, SIGKILL);
}

TEST_F(RankProcessesTest, AnotherAgentFindsTheRankAndItsEnd) {
  Start("");
  WaitForStep();
  ShimProcesses later(LRTI_TEST_TRAINER);
  EXPECT_FALSE(later.Look(files_.folder).gone);
  later.Signal(files_.folder, SIGTERM);
  EXPECT_TRUE(Eventually([&] { return later.Look(files_.folder).gone; }));
  EXPECT_EQ(later.Look(files_.folder).exit->code, 0);
}

TEST_F(RankProcessesTest, ASupervisorThatIsKilledTakesTheTrainerAndAllBelowItWithIt) {
  Start("grandchild=1");
  const ProcessId grandchild = Grandchild();
  const PidRecord pids = *Look().pids;
  ASSERT_TRUE(SignalProcess(pids.shim, SIGKILL));
  const RankSight sight = WaitUntilGone();
  EXPECT_FALSE(sight.exit.has_value());
  EXPECT_FALSE(IsAlive(pids.trainer));
  EXPECT_FALSE(IsAlive(grandchild));
  EXPECT_TRUE(pids.cgroup.empty() || !std::filesystem::exists(pids.cgroup)) << pids.cgroup;
}

TEST_F(RankProcessesTest, WithoutAnAgentTheTrainerIsAskedToEndAfterTheGrace) {
  LaunchRecord launch = Launch("");
  launch.orphan_grace = absl::Milliseconds(100);
  ASSERT_TRUE(processes_.Start(files_.folder, launch, -1).ok());
  const RankSight sight = WaitUntilGone();
  EXPECT_TRUE(sight.exit->orphaned);
  EXPECT_EQ(sight.exit->code, 0);
}

TEST_F(RankProcessesTest, ATrainerThatDoesNotListenToItsOrphaningIsKilled) {
  LaunchRecord launch = Launch("deaf=1");
  launch.orphan_grace = absl::Milliseconds(500);
  launch.stop_grace = absl::Milliseconds(100);
  ASSERT_TRUE(processes_.Start(files_.folder, launch, -1).ok());
  // The agent is there until the trainer has closed its ears.
  ASSERT_TRUE(Eventually([&] {
    EXPECT_TRUE(WriteFileAtomic(launch.alive_path, "").ok());
    return ReadFile(files_.events, 64 << 20).value_or("").find("started") != std::string::npos;
  }));
  EXPECT_EQ(WaitUntilGone().exit->signal, SIGKILL);
}

TEST_F(RankProcessesTest, AFullDiskDoesNotHideHowItEnded) {
  {
    const FileSizeLimit limit(16 << 10);  // of the shim and the trainer, too
    Start("line_mib=1 steps=2 exit=3");
  }
  const RankSight sight = WaitUntilGone();
  ASSERT_TRUE(sight.exit.has_value());
  EXPECT_EQ(sight.exit->code, 3);
  EXPECT_EQ(Log().size(), size_t{16} << 10);
}

TEST_F(RankProcessesTest, ALineOfTenMegabytesIsKeptWholeAndQuotedInShort) {
  Start("line_mib=10 steps=1");
  WaitUntilGone();
  EXPECT_EQ(Log().size(), (size_t{10} << 20) + 1);
  const auto lines = LastLines(files_.log);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].size(), 1024U);
}

TEST_F(RankProcessesTest, TheTrainerTakesOverTheListeningSocket) {
  auto socket = ListenAt("127.0.0.1");
  ASSERT_TRUE(socket.ok()) << socket.status();
  ASSERT_TRUE(
      processes_.Start(files_.folder, Launch("show=LRTI_STORE_FD"), socket->file.fd()).ok());
  socket->file = OpenFile();
  WaitForLog("LRTI_STORE_FD=3\n");
  const OpenFile client(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(socket->port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(client.fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
}

TEST_F(RankProcessesTest, NothingOfTheAgentsFilesIsInherited) {
  // As a library that knows no close-on-exec would leave it.
  const OpenFile leaked(::dup(STDIN_FILENO));
  const int number = leaked.fd();
  Start("");
  WaitForStep();
  const auto link = fmt::format("/proc/{}/fd/", Look().pids->trainer.pid);
  std::vector<int> numbers;
  for (const auto& entry : std::filesystem::directory_iterator(link)) {
    numbers.push_back(std::stoi(entry.path().filename().string()));
  }
  EXPECT_LE(numbers.size(), 4U) << "standard input, output, error and the events";
  EXPECT_GE(number, 3);
}

TEST_F(RankProcessesTest, AnotherProcessWithTheNumberOfADeadTrainerIsLeftAlone) {
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    while (true) ::pause();
  }
  PidRecord record{.boot = BootId()};
  record.trainer = FindProcess(stranger)->id;
  record.trainer.start -= 1;
  record.shim = record.trainer;
  ASSERT_TRUE(WriteFileAtomic(files_.pid, ToJson(record)).ok());
  processes_.Signal(files_.folder, SIGKILL);
  EXPECT_TRUE(Look().gone);
  EXPECT_TRUE(IsAlive(FindProcess(stranger)->id));
  EXPECT_TRUE(SignalProcess(FindProcess(stranger)->id, SIGKILL));
  EXPECT_EQ(::waitpid(stranger, nullptr, 0), stranger);
}

TEST_F(RankProcessesTest, ARestartOfTheMachineIsSeen) {
  PidRecord record{.boot = "another"};
  record.trainer = record.shim = FindProcess(::getpid())->id;
  ASSERT_TRUE(WriteFileAtomic(files_.pid, ToJson(record)).ok());
  EXPECT_TRUE(Look().gone);
  EXPECT_TRUE(Look().rebooted);
  processes_.Signal(files_.folder, SIGKILL);  // would end this test
  ASSERT_TRUE(RemoveAll(files_.pid).ok());
}

TEST_F(RankProcessesTest, ACgroupIsRemovedWithTheRankAndWhatTheTrainerMadeInIt) {
  Start("");
  WaitForStep();
  const std::string cgroup = Look().pids->cgroup;
  if (!cgroup.empty()) std::filesystem::create_directories(cgroup + "/a/b");
  processes_.Signal(files_.folder, SIGKILL);
  WaitUntilGone();
  EXPECT_TRUE(cgroup.empty() || !std::filesystem::exists(cgroup)) << cgroup;
}

}  // namespace
}  // namespace lrti::worker
