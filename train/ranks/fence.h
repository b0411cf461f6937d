#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace lrti::train {

/// Keeps attempts at a run apart: `folder`/attempt holds the greatest one that ever opened it, and
/// an older one, which may still run on a machine that nobody hears of, must not write any more.
class Fence {
 public:
  /// Writes `attempt` there, on the disk, if it is greater than what is there; 0 for a run whose
  /// attempts nobody counts, which no fence holds up.
  /// Errors: Unavailable when a greater one is there; those of the file system.
  static absl::StatusOr<Fence> Raise(const std::string& folder, int64_t attempt);

  /// Call it before each write. Errors: as Raise.
  absl::Status Check() const;

 private:
  Fence(std::string path, int64_t attempt) : path_(std::move(path)), attempt_(attempt) {}

  std::string path_;
  int64_t attempt_;
};

}  // namespace lrti::train
