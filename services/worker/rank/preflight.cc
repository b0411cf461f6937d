#include "services/worker/rank/preflight.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "absl/time/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "services/worker/rank/verdict.h"

namespace lrti::worker {
namespace {

constexpr absl::Duration kVersionTimeout = absl::Seconds(30);
constexpr absl::Duration kLook = absl::Milliseconds(5);

// Waits for a child, and kills it when that takes too long.
int WaitFor(pid_t pid) {
  int status = 0;
  const absl::Time end = absl::Now() + kVersionTimeout;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (absl::Now() > end) ::kill(pid, SIGKILL);
    absl::SleepFor(kLook);
  }
  return status;
}

absl::Status RunVersion(const std::string& program) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  std::string name = program, flag = "--version";
  char* const arguments[] = {name.data(), flag.data(), nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return FileError(error, program, "cannot run it");
  const int status = WaitFor(pid);
  if (status == 0) return absl::OkStatus();
  const std::string how = WIFSIGNALED(status) ? SignalText(WTERMSIG(status))
                                              : fmt::format("exit code {}", WEXITSTATUS(status));
  return Error(absl::StatusCode::kUnavailable,
               "{} --version ended with {}; run it by hand to see why (trainer)", program, how);
}

}  // namespace

absl::Status Preflight::Check() {
  LRTI_RETURN_IF_ERROR(CheckDisk());
  return CheckTrainer();
}

absl::Status Preflight::CheckDisk() const {
  LRTI_ASSIGN_OR_RETURN(const uint64_t free, spool_.FreeBytes());
  if (free >= free_bytes_min_) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted,
               "{}: the disk of the spool has {} MiB left, {} are needed; free space there",
               spool_.root(), free >> 20, free_bytes_min_ >> 20);
}

absl::Status Preflight::CheckTrainer() {
  struct stat info {};
  if (::stat(trainer_.c_str(), &info) != 0) {
    return Prefixed(FileError(errno, trainer_, "no trainer there"), "trainer");
  }
  const std::string identity =
      fmt::format("{} {}.{}", info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  if (identity == known_good_) return absl::OkStatus();
  LRTI_RETURN_IF_ERROR(RunVersion(trainer_));
  known_good_ = identity;
  return absl::OkStatus();
}

}  // namespace lrti::worker
