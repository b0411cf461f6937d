#include "cli/vsr/launch_ranks.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <optional>

#include "absl/time/time.h"
#include "cli/vsr/exit_code.h"
#include "common/base/clock.h"
#include "common/base/open_file.h"
#include "common/base/status.h"

namespace lrti::vsr {
namespace {

constexpr absl::Duration kGrace = absl::Seconds(10);  // for ranks that lost another
constexpr int kCannotStart = 127;

absl::Status SystemError(const char* what) {
  return Error(absl::StatusCode::kUnavailable, "--ranks: {}: {}", what, std::strerror(errno));
}

/// Where ranks will meet: listening already, so that nobody else can take the port.
struct MeetingPoint {
  OpenFile socket;
  uint16_t port = 0;
};

absl::StatusOr<MeetingPoint> Listen() {
  MeetingPoint point{OpenFile(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (!point.socket.valid() || ::bind(point.socket.fd(), any, size) != 0 ||
      ::listen(point.socket.fd(), SOMAXCONN) != 0 ||
      ::getsockname(point.socket.fd(), any, &size) != 0) {
    return SystemError("a port to meet at");
  }
  point.port = ntohs(address.sin_port);
  return point;
}

/// This process's variables, with those of a rank in the place of its own.
std::vector<std::string> EnvironmentOf(int64_t rank, int64_t count, const MeetingPoint& point) {
  std::map<std::string, std::string> ours = {
      {"RANK", std::to_string(rank)},       {"WORLD_SIZE", std::to_string(count)},
      {"LOCAL_RANK", std::to_string(rank)}, {"LOCAL_WORLD_SIZE", std::to_string(count)},
      {"MASTER_ADDR", "127.0.0.1"},         {"MASTER_PORT", std::to_string(point.port)}};
  if (rank == 0) ours["LRTI_STORE_FD"] = std::to_string(point.socket.fd());
  std::vector<std::string> all;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (!ours.contains(text.substr(0, text.find('=')))) all.push_back(text);
  }
  for (const auto& [name, value] : ours) all.push_back(fmt::format("{}={}", name, value));
  return all;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

class Launch {
 public:
  Launch() {
    sigemptyset(&signals_);
    for (const int signal : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&signals_, signal);
    sigprocmask(SIG_BLOCK, &signals_, &mask_before_);
  }
  ~Launch() {
    if (!ranks_.empty()) ::kill(-group_, SIGKILL);
    while (!ranks_.empty() && Reap(0)) {
    }
    sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
  }
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  absl::Status Start(int64_t rank, std::vector<std::string> command,
                     std::vector<std::string> environment, const MeetingPoint& point) {
    const std::vector<char*> argv = Pointers(command), envp = Pointers(environment);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return SystemError("starting a rank");
    if (pid == 0) {
      ::setpgid(0, group_);  // a group of their own: a Ctrl-C reaches them through the parent alone
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (rank == 0) ::fcntl(point.socket.fd(), F_SETFD, 0);
      sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
      if (::getppid() == parent) ::execve("/proc/self/exe", argv.data(), envp.data());
      ::_exit(kCannotStart);
    }
    if (group_ == 0) group_ = pid;
    ::setpgid(pid, group_);  // whichever of the two comes first
    ranks_[pid] = rank;
    return absl::OkStatus();
  }

  int Wait() {
    while (!ranks_.empty()) {
      const int signal = NextSignal();
      if (signal == SIGTERM || signal == SIGINT) {
        ::kill(-group_, signal);
      } else if (signal == SIGCHLD) {
        while (!ranks_.empty() && Reap(WNOHANG)) {
        }
      } else {
        ::kill(-group_, SIGKILL);
      }
    }
    return code_;
  }

 private:
  /// 0 when the others' time is up.
  int NextSignal() {
    while (true) {
      if (!deadline_) {
        int signal = 0;
        sigwait(&signals_, &signal);
        return signal;
      }
      const absl::Duration left = std::max(*deadline_ - clock_.Steady(), absl::ZeroDuration());
      const timespec time = absl::ToTimespec(left);
      const int signal = sigtimedwait(&signals_, nullptr, &time);
      if (signal > 0) return signal;
      if (errno == EAGAIN) {
        deadline_ = clock_.Steady() + kGrace;
        return 0;
      }
    }
  }

  /// Takes note of a process that ended; false when none has.
  bool Reap(int flags) {
    int status = 0;
    const pid_t pid = ::waitpid(-group_, &status, flags);
    if (pid < 0 && errno == EINTR) return true;
    const auto it = ranks_.find(pid);
    if (it == ranks_.end()) return false;
    const int64_t rank = it->second;
    ranks_.erase(it);
    int code = kTryAgain;
    if (WIFEXITED(status)) {
      code = WEXITSTATUS(status);
    } else {
      std::fprintf(stderr, "rank %lld was killed by signal %d (%s)\n", static_cast<long long>(rank),
                   WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    if (code != kOk && !deadline_) deadline_ = clock_.Steady() + kGrace;
    if (code_ == kOk || code_ == kTryAgain) code_ = code == kOk ? code_ : code;
    return true;
  }

  const SystemClock clock_;
  sigset_t signals_{}, mask_before_{};
  pid_t group_ = 0;  // of processes
  std::map<pid_t, int64_t> ranks_;
  std::optional<absl::Duration> deadline_;  // for the rest, once one has failed
  int code_ = kOk;
};

}  // namespace

absl::StatusOr<int> LaunchRanks(
    int64_t count, const std::function<std::vector<std::string>(int64_t rank)>& arguments) {
  LRTI_ASSIGN_OR_RETURN(MeetingPoint point, Listen());
  Launch launch;
  for (int64_t rank = 0; rank < count; ++rank) {
    std::vector<std::string> command = arguments(rank);
    command.insert(command.begin(), "lrti-vsr");
    LRTI_RETURN_IF_ERROR(
        launch.Start(rank, std::move(command), EnvironmentOf(rank, count, point), point));
  }
  point.socket = OpenFile();  // rank 0's alone now: when it dies, nobody waits at the door
  return launch.Wait();
}

}  // namespace lrti::vsr
