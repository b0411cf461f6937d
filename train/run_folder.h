#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace lrti::train {

/// Where a run keeps what it makes.
class RunFolder {
 public:
  /// Makes the folder, or with `resume` takes an existing one.
  /// Errors: AlreadyExists when it holds a run and `resume` is off; those of the file system.
  static absl::StatusOr<RunFolder> Open(const std::string& path, bool resume);

  const std::string& path() const { return path_; }
  std::string config() const { return path_ + "/config.yaml"; }
  std::string metrics() const { return path_ + "/metrics.jsonl"; }
  std::string results() const { return path_ + "/results.json"; }
  std::string checkpoints() const { return path_ + "/checkpoints"; }
  std::string samples() const { return path_ + "/samples"; }

 private:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace lrti::train
