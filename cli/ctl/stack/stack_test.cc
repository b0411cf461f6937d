#include "cli/ctl/stack/stack.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>

#include "cli/ctl/stack/http_probe.h"
#include "cli/ctl/stack/launch.h"
#include "cli/ctl/stack/ports.h"
#include "cli/ctl/stack/process.h"
#include "cli/ctl/stack/stop.h"
#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/open_file.h"
#include "common/base/status.h"
#include "common/base/test_files.h"

namespace lrti::ctl {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Seconds(20);

const Say kSilent = [](const std::string&) {};

TEST(Stack, IsReadAsItWasWritten) {
  const TemporaryFolder folder;
  Stack stack;
  stack.programs = {{"lrti-cache", 12, 345, "/log"}};
  stack.coordinator = "127.0.0.1:7430";
  stack.cache = "127.0.0.1:7420";
  ASSERT_TRUE(WriteStack(folder.path(), stack).ok());
  const auto read = ReadStack(folder.path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->coordinator, "127.0.0.1:7430");
  EXPECT_EQ(read->programs[0].started, 345u);
  EXPECT_EQ(read->CacheEndpoint(), "tcp://127.0.0.1:7420");
  stack.cache_socket = "/run/cache.sock";
  EXPECT_EQ(stack.CacheEndpoint(), "tcp://127.0.0.1:7420+unix:/run/cache.sock");
}

TEST(Stack, ADamagedFileIsNamed) {
  const TemporaryFolder folder;
  EXPECT_TRUE(absl::IsNotFound(ReadStack(folder.path()).status()));
  ASSERT_TRUE(WriteFileAtomic(StackFile(folder.path()), "{\"programs\": 3").ok());
  EXPECT_TRUE(absl::IsDataLoss(ReadStack(folder.path()).status()));
  EXPECT_THAT(Message(ReadStack(folder.path()).status()), HasSubstr("stack.json"));
}

TEST(Process, IsKnownByItsStartTime) {
  const uint64_t own = StartTimeOf(::getpid());
  EXPECT_GT(own, 0u);
  EXPECT_TRUE(IsRunning(StackProgram{"this", ::getpid(), own, ""}));
  EXPECT_FALSE(IsRunning(StackProgram{"this", ::getpid(), own + 1, ""}));
  EXPECT_FALSE(IsRunning(StackProgram{"none", 0, 0, ""}));
  EXPECT_TRUE(absl::IsNotFound(Process::Hold(::getpid(), own + 1).status()));
}

TEST(Process, OneThatEndedBeforeItsStartTimeWasReadDoesNotRun) {
  const TemporaryFolder folder;
  const auto pid = StartDetached({"/bin/true"}, folder / "log");
  ASSERT_TRUE(pid.ok()) << pid.status();
  siginfo_t ended{};  // waits, and leaves the zombie
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(*pid), &ended, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(StartTimeOf(*pid), 0u);
  EXPECT_FALSE(IsRunning(StackProgram{"true", *pid, StartTimeOf(*pid), ""}));
  EXPECT_EQ(::waitpid(static_cast<pid_t>(*pid), nullptr, 0), *pid);
}

TEST(Process, IsStartedOnItsOwnAndEndedBySignal) {
  const TemporaryFolder folder;
  const auto pid =
      StartDetached({"/bin/sh", "-c", "echo started; exec sleep 1000"}, folder / "log");
  ASSERT_TRUE(pid.ok()) << pid.status();
  EXPECT_EQ(::getsid(static_cast<pid_t>(*pid)), *pid);
  auto process = Process::Hold(*pid, StartTimeOf(*pid));
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_FALSE(process->WaitEnd(absl::ZeroDuration()));
  EXPECT_TRUE(process->Signal(SIGTERM).ok());
  EXPECT_TRUE(process->WaitEnd(kLong));
  EXPECT_EQ(StartTimeOf(*pid), 0u);
  EXPECT_TRUE(process->Signal(SIGTERM).ok());
}

TEST(Process, AMissingProgramIsNamed) {
  const TemporaryFolder folder;
  EXPECT_THAT(Message(StartDetached({"/nowhere/program"}, folder / "log").status()),
              HasSubstr("cannot start /nowhere/program: No such file"));
}

TEST(Ports, APortThatIsTakenIsNotGiven) {
  const OpenFile socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(socket.fd(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(socket.fd(), 1), 0);
  ASSERT_EQ(::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string taken = fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
  const auto other = FreeAddress(taken);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE(*other, taken);
  EXPECT_EQ(*FreeAddress(*other), *other);
  EXPECT_FALSE(FreeAddress("example.org:80").ok());
}

TEST(HttpProbe, NobodyThereIsUnavailable) {
  const auto free = FreeAddress("127.0.0.1:0");
  ASSERT_TRUE(free.ok());
  EXPECT_TRUE(absl::IsUnavailable(AskReady(*free, kLong)));
  EXPECT_TRUE(absl::IsInvalidArgument(AskReady("nowhere", kLong)));
}

// Programs of a stack as shell scripts.
class Launching : public testing::Test {
 protected:
  Launching() {
    options_.state = folder_ / "state";
    options_.programs = folder_ / "bin";
    EXPECT_TRUE(MakeFolders(options_.programs).ok());
  }
  ~Launching() override { EXPECT_TRUE(Stop({.state = options_.state}, kSilent).ok()); }

  void Program(const std::string& name, const std::string& script) {
    const std::string path = JoinPath(options_.programs, name);
    ASSERT_TRUE(WriteFileAtomic(path, "#!/bin/sh\n" + script).ok());
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }

  // A program that is ready at once: it answers HTTP at the address behind --http.
  void ReadyProgram(const std::string& name, const std::string& first = "") {
    Program(name,
            first +
                "while [ $# -gt 0 ]; do [ \"$1\" = --http ] && port=${2#*:}; shift; done\n"
                "exec python3 -c \"\n"
                "import http.server, sys\n"
                "class Ready(http.server.BaseHTTPRequestHandler):\n"
                "  def do_GET(self):\n"
                "    self.send_response(200); self.end_headers(); self.wfile.write(b'ready')\n"
                "  protocol_version = 'HTTP/1.1'\n"
                "  def log_message(self, *a): pass\n"
                "http.server.HTTPServer(('127.0.0.1', int('$port')), Ready).serve_forever()\"\n");
  }

  TemporaryFolder folder_;
  LaunchOptions options_;
};

TEST_F(Launching, StartsAllOnceAndEndsThem) {
  for (const char* name : {"lrti-cache", "lrti-coordinator", "lrti-worker"}) ReadyProgram(name);
  const auto up = Launch(options_, kSilent);
  ASSERT_TRUE(up.ok()) << up.status();
  EXPECT_FALSE(up->was_up);
  ASSERT_EQ(up->stack.programs.size(), 3u);
  for (const StackProgram& program : up->stack.programs) EXPECT_TRUE(IsRunning(program));

  const auto again = Launch(options_, kSilent);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->was_up);
  EXPECT_EQ(again->stack.programs[1].pid, up->stack.programs[1].pid);

  const auto down = Stop({.state = options_.state}, kSilent);
  ASSERT_TRUE(down.ok()) << down.status();
  EXPECT_FALSE(down->was_down);
  EXPECT_FALSE(down->forced);
  for (const StackProgram& program : up->stack.programs) EXPECT_FALSE(IsRunning(program));
  EXPECT_TRUE(Stop({.state = options_.state}, kSilent)->was_down);
  EXPECT_EQ(ReadStack(options_.state)->coordinator, up->stack.coordinator);
}

TEST_F(Launching, OneThatEndsIsShownWithItsLastWordsAndTheOthersAreEnded) {
  ReadyProgram("lrti-cache");
  Program("lrti-coordinator", "echo the journal is damaged >&2; exit 1\n");
  ReadyProgram("lrti-worker");
  const auto up = Launch(options_, kSilent);
  EXPECT_TRUE(absl::IsInternal(up.status()));
  EXPECT_THAT(Message(up.status()), HasSubstr("lrti-coordinator ended at its start"));
  EXPECT_THAT(Message(up.status()), HasSubstr("the journal is damaged"));
  EXPECT_TRUE(ReadStack(options_.state)->programs.empty());
}

TEST_F(Launching, OneThatDiedIsStartedAgainAndTheOthersGoOn) {
  for (const char* name : {"lrti-cache", "lrti-coordinator", "lrti-worker"}) ReadyProgram(name);
  const auto up = Launch(options_, kSilent);
  ASSERT_TRUE(up.ok()) << up.status();
  const StackProgram& coordinator = up->stack.programs[1];
  auto process = Process::Hold(coordinator.pid, coordinator.started);
  ASSERT_TRUE(process.ok());
  ASSERT_TRUE(process->Signal(SIGKILL).ok());
  ASSERT_TRUE(process->WaitEnd(kLong));
  const auto again = Launch(options_, kSilent);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->was_up);
  EXPECT_EQ(again->stack.programs[0].pid, up->stack.programs[0].pid);
  EXPECT_NE(again->stack.programs[1].pid, coordinator.pid);
  EXPECT_EQ(again->stack.coordinator, up->stack.coordinator);
}

TEST_F(Launching, OneThatDoesNotEndIsKilled) {
  for (const char* name : {"lrti-cache", "lrti-coordinator"}) ReadyProgram(name);
  ReadyProgram("lrti-worker", "trap '' TERM\n");
  const auto up = Launch(options_, kSilent);
  ASSERT_TRUE(up.ok()) << up.status();
  const StackProgram& worker = up->stack.programs[2];
  const auto down = Stop({.state = options_.state, .grace = absl::Milliseconds(100)}, kSilent);
  ASSERT_TRUE(down.ok()) << down.status();
  EXPECT_TRUE(down->forced);
  EXPECT_FALSE(IsRunning(worker));
}

TEST_F(Launching, AMissingProgramIsNamed) {
  EXPECT_THAT(Message(Launch(options_, kSilent).status()), HasSubstr("lrti-cache is missing"));
}

TEST(LockStack, OneAtATime) {
  const TemporaryFolder folder;
  const auto lock = LockStack(folder.path());
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(LockStack(folder.path()).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Stop({.state = folder.path()}, kSilent).status()))
      << "what is being started is not yet written down";
}

}  // namespace
}  // namespace lrti::ctl
