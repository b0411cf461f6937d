#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/file_writer.h"
#include "common/base/mutex.h"

namespace lrti::coordinator {

/// One JSON line for every change that somebody asked for, granted or not: who, what, of what, with
/// what, when, how it ended. Thread-safe.
class Audit {
 public:
  static absl::StatusOr<Audit> Open(const std::string& path);

  struct Entry {
    std::string user;    // empty: nobody that is known
    std::string verb;    // SubmitJob, CancelJob, ...
    std::string object;  // a job or an agent
    std::string detail;  // a priority, a reason; may be empty
    absl::Status outcome;
  };

  /// Errors: those of the disk; the change itself is not undone by them.
  absl::Status Write(const Entry& entry, absl::Time now);

 private:
  explicit Audit(AppendFile file);

  std::unique_ptr<Mutex> mutex_;
  AppendFile file_;  // used under the mutex
};

}  // namespace lrti::coordinator
