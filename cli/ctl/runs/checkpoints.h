#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::ctl {

/// A checkpoint as its manifest describes it.
struct CheckpointInfo {
  int64_t step = 0;
  std::string path;
  std::string created;  // RFC 3339
  uint64_t bytes = 0;   // of the files that the manifest names
  absl::Status state;   // DataLoss where something is wrong; what that is
};

/// Checkpoints of a run directory, oldest step first, by their manifests and the sizes of their
/// files. Errors: NotFound for no such run directory; those of reading folders.
absl::StatusOr<std::vector<CheckpointInfo>> ListCheckpoints(const std::string& run);

/// Reads every file of a checkpoint folder and holds it to the manifest's size and SHA-256.
/// Errors: DataLoss naming the file and what is wrong with it.
absl::Status VerifyCheckpoint(const std::string& path);

/// Those that nobody needs: all but the newest `keep`, and never the newest whole one.
/// REQUIRES: keep >= 1, oldest first.
std::vector<CheckpointInfo> Superfluous(const std::vector<CheckpointInfo>& checkpoints,
                                        size_t keep);

}  // namespace lrti::ctl
