#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/open_file.h"

namespace lrti::ctl {

/// When a process was started, as /proc/PID/stat says it; 0 where there is none, or only a zombie.
uint64_t StartTimeOf(int64_t pid);

/// Starts a program in a session of its own, so that it outlives this one; its output goes to the
/// end of the file `log`. Gives its number. Errors: Internal, as for a program that is missing.
absl::StatusOr<int64_t> StartDetached(const std::vector<std::string>& command,
                                      const std::string& log);

/// A process that is held: never another one that got its number.
class Process {
 public:
  /// Errors: NotFound when it has ended.
  static absl::StatusOr<Process> Hold(int64_t pid, uint64_t started);

  /// One that has ended is fine.
  absl::Status Signal(int signal);

  /// Waits until it has ended; false when it has not in time.
  bool WaitEnd(absl::Duration longest) const;

 private:
  Process(OpenFile handle, int64_t pid) : handle_(std::move(handle)), pid_(pid) {}

  OpenFile handle_;
  int64_t pid_;
};

}  // namespace lrti::ctl
