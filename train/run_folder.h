#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "train/ranks/fence.h"
#include "train/ranks/run_lock.h"

namespace lrti::train {

/// Where a run keeps what it makes. One process at a time writes there, rank 0 of the newest
/// attempt.
class RunFolder {
 public:
  /// Makes the folder, or with `resume` takes an existing one, to write in it. `attempt`: which
  /// start of the job this is; 0 where nobody counts. One that is counted waits a while for an
  /// older one that still ends. Errors: AlreadyExists when it holds a run and `resume` is off, or
  /// when another process writes there; Unavailable, where attempts are counted, for the latter and
  /// for a newer attempt's; those of the file system.
  static absl::StatusOr<RunFolder> Open(const std::string& path, bool resume, int64_t attempt);

  /// For ranks that read alone.
  static RunFolder ToRead(const std::string& path) { return RunFolder(path); }

  /// Whether this is still the newest attempt; ask before each checkpoint. Errors: Unavailable.
  absl::Status MayWrite() const { return fence_ ? fence_->Check() : absl::OkStatus(); }

  const std::string& path() const { return path_; }
  std::string config() const { return path_ + "/config.yaml"; }
  std::string metrics() const { return path_ + "/metrics.jsonl"; }
  std::string results() const { return path_ + "/results.json"; }
  std::string checkpoints() const { return path_ + "/checkpoints"; }
  std::string samples() const { return path_ + "/samples"; }

 private:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::optional<Fence> fence_;
  std::optional<RunLock> lock_;
};

}  // namespace lrti::train
