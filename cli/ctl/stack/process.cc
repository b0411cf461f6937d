#include "cli/ctl/stack/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sstream>

#include "common/base/check.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti::ctl {
namespace {

constexpr size_t kStartTimeField = 19;  // behind the state, which is field 0
constexpr int kFirstFreeFd = 3;

// What posix_spawn is told, freed at the end.
struct Attributes {
  Attributes() {
    LRTI_CHECK(posix_spawnattr_init(&attributes) == 0);
    LRTI_CHECK(posix_spawn_file_actions_init(&files) == 0);
  }
  ~Attributes() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t files;
};

}  // namespace

uint64_t StartTimeOf(int64_t pid) {
  const auto stat = ReadFile(fmt::format("/proc/{}/stat", pid), 4096);
  if (!stat.ok()) return 0;
  // The name, in brackets, may hold anything.
  const size_t bracket = stat->rfind(')');
  if (bracket == std::string::npos) return 0;
  std::istringstream fields(stat->substr(bracket + 1));
  std::string state, field;
  fields >> state;
  if (state == "Z" || state == "X") return 0;
  for (size_t i = 0; i < kStartTimeField; ++i) fields >> field;
  return std::strtoull(field.c_str(), nullptr, 10);
}

absl::StatusOr<int64_t> StartDetached(const std::vector<std::string>& command,
                                      const std::string& log) {
  LRTI_CHECK(!command.empty());
  Attributes with;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  bool ok =
      posix_spawnattr_setflags(&with.attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                                     POSIX_SPAWN_SETSIGDEF) == 0 &&
      posix_spawnattr_setsigmask(&with.attributes, &none) == 0 &&
      posix_spawnattr_setsigdefault(&with.attributes, &all) == 0 &&
      posix_spawn_file_actions_addopen(&with.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
      posix_spawn_file_actions_addopen(&with.files, STDOUT_FILENO, log.c_str(),
                                       O_WRONLY | O_CREAT | O_APPEND, 0600) == 0 &&
      posix_spawn_file_actions_adddup2(&with.files, STDOUT_FILENO, STDERR_FILENO) == 0 &&
      posix_spawn_file_actions_addclosefrom_np(&with.files, kFirstFreeFd) == 0;
  LRTI_CHECK(ok);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, command.front().c_str(), &with.files, &with.attributes,
                                arguments.data(), environ);
  if (error != 0) {
    return Error(absl::StatusCode::kInternal, "cannot start {}: {}", command.front(),
                 std::strerror(error));
  }
  return pid;
}

absl::StatusOr<Process> Process::Hold(int64_t pid, uint64_t started) {
  OpenFile handle(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
  // Only now: from here on the number cannot be given to another unnoticed.
  if (!handle.valid() || started == 0 || StartTimeOf(pid) != started) {
    return Error(absl::StatusCode::kNotFound, "process {} has ended", pid);
  }
  return Process(std::move(handle), pid);
}

absl::Status Process::Signal(int signal) {
  if (::syscall(SYS_pidfd_send_signal, handle_.fd(), signal, nullptr, 0) == 0 || errno == ESRCH) {
    return absl::OkStatus();
  }
  return Error(absl::StatusCode::kPermissionDenied, "cannot send signal {} to process {}: {}",
               signal, pid_, std::strerror(errno));
}

bool Process::WaitEnd(absl::Duration longest) const {
  pollfd wanted{.fd = handle_.fd(), .events = POLLIN, .revents = 0};
  const int64_t milliseconds = std::clamp<int64_t>(absl::ToInt64Milliseconds(longest), 0, 1 << 30);
  const bool ended = ::poll(&wanted, 1, static_cast<int>(milliseconds)) == 1;
  if (ended) ::waitpid(static_cast<pid_t>(pid_), nullptr, WNOHANG);  // where it is our own child
  return ended;
}

}  // namespace lrti::ctl
