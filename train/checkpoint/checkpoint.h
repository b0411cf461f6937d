#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "train/checkpoint/safetensors.h"

namespace lrti::checkpoint {

/// All that a run needs to go on as if it had never stopped.
struct Snapshot {
  int64_t step = 0;
  uint64_t lineage = 0;  // hidden_state::Version::lineage
  nlohmann::ordered_json extra = nlohmann::ordered_json::object();  // counters, generators
  std::map<std::string, NamedTensors> groups;  // model, ema, optimizer, states: a file each
  std::string config;                          // the resolved job as YAML
};

/// A checkpoint on the disk.
struct Info {
  std::string path;
  int64_t step = 0;
  uint64_t bytes = 0;  // of all files
};

/// Writes root/step-<8 digits>/ with <group>.safetensors for each group, config.yaml and, last,
/// manifest.json {format, step, created, lineage, extra, files: {name: {bytes, sha256}}}.
///
/// All is written and synced under a temporary name, then renamed: a folder named step-... is
/// always complete. One of the same step is replaced. After an error nothing has changed in `root`.
/// Errors: InvalidArgument for a group that is not named in [a-z0-9_-]; as WriteSafetensors.
absl::StatusOr<Info> WriteCheckpoint(const std::string& root, const Snapshot& snapshot,
                                     absl::Time now = absl::Now());

/// Reads a checkpoint folder and holds every file to the manifest's size and SHA-256.
/// Errors: NotFound for no such folder; DataLoss naming the file: `altered or torn: ...`.
absl::StatusOr<Snapshot> ReadCheckpoint(const std::string& path);

/// The checks of ReadCheckpoint without keeping any tensor; gives step and size.
absl::StatusOr<Info> VerifyCheckpoint(const std::string& path);

struct Entry {
  int64_t step = 0;
  std::string path;
};

/// Checkpoints in a folder, oldest step first, unread; none when the folder does not exist.
absl::StatusOr<std::vector<Entry>> ListCheckpoints(const std::string& root);

struct Found {
  std::string path;
  Snapshot snapshot;
};
using OnBad = std::function<void(const std::string& path, const absl::Status& error)>;

/// Reads the newest checkpoint that is whole; tells `on_bad` of each newer one that is not.
/// Errors: NotFound when there is none, saying how many were damaged.
absl::StatusOr<Found> FindNewest(const std::string& root, const OnBad& on_bad);

/// Deletes all but the newest `keep` checkpoints, and never the newest one that is whole: where all
/// that are kept are damaged, an older one stays. REQUIRES: keep >= 1.
absl::Status Prune(const std::string& root, int64_t keep);

/// Deletes what a crash left half-written or half-deleted. Call it before writing, at start.
absl::Status RemoveLeftovers(const std::string& root);

}  // namespace lrti::checkpoint
