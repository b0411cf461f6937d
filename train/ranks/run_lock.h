#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/open_file.h"

namespace lrti::train {

/// The right to write to a run directory, held by one process at a time: a lock on `folder`/.lock,
/// which the system takes away when the process ends, however it ends.
class RunLock {
 public:
  using Sleep = std::function<void(absl::Duration)>;

  /// Tries until `patience` has passed in sleeps. Errors: Unavailable when another process still
  /// holds it; those of the file system.
  static absl::StatusOr<RunLock> Take(const std::string& folder, absl::Duration patience,
                                      const Sleep& sleep);

 private:
  explicit RunLock(OpenFile file) : file_(std::move(file)) {}

  OpenFile file_;
};

}  // namespace lrti::train
