#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::worker {

/// An attempt of a job: also the fencing epoch.
struct AttemptKey {
  std::string job;
  int64_t attempt = 0;

  auto operator<=>(const AttemptKey&) const = default;
};

/// "JOB attempt N", for people.
std::string Describe(const AttemptKey& key);

/// Where an agent keeps what must outlive it:
///
///     ROOT/lock                          held while an agent runs
///     ROOT/alive                         touched by it
///     ROOT/incarnation                   the number of its last start
///     ROOT/JOB/ATTEMPT/assignment.json   what was asked for
///                     /config.yaml       for the trainer
///                     /cause.json        why the agent ends it
///                     /rank-N/           a rank's folder, see RankFiles
///
/// The root is this user's alone: it holds tokens.
class Spool {
 public:
  /// Makes the folder. Errors: as MakeFolders; InvalidArgument when others may look into it.
  static absl::StatusOr<Spool> Open(const std::string& root);

  std::string FolderOf(const AttemptKey& key) const;
  std::string AlivePath() const;
  std::string LockPath() const;
  std::string IncarnationPath() const;

  /// Makes the folders of an attempt and its ranks. Errors: InvalidArgument for a job whose name
  /// cannot be that of a folder; as MakeFolders.
  absl::Status Make(const AttemptKey& key, const std::vector<int64_t>& ranks) const;

  /// The attempts that have an assignment, oldest first.
  absl::StatusOr<std::vector<AttemptKey>> List() const;

  /// Deletes all of an attempt.
  absl::Status Forget(const AttemptKey& key) const;

  /// Bytes that can still be written to its disk.
  absl::StatusOr<uint64_t> FreeBytes() const;

  const std::string& root() const { return root_; }

 private:
  explicit Spool(std::string root) : root_(std::move(root)) {}

  std::string root_;
};

/// Whether `job` is a name that the coordinator makes: letters, digits, '-' and '_', at most 128.
bool IsJobName(const std::string& job);

std::string AssignmentPath(const std::string& attempt_folder);
std::string ConfigPath(const std::string& attempt_folder);
std::string CausePath(const std::string& attempt_folder);
std::string RankFolder(const std::string& attempt_folder, int64_t rank);

/// The files of a rank's folder.
struct RankFiles {
  explicit RankFiles(const std::string& rank_folder);

  std::string folder;
  std::string log;       // the trainer's standard output and error
  std::string events;    // the trainer's events
  std::string launch;    // for the shim: what to start
  std::string pid;       // by the shim: who was started
  std::string exit;      // by the shim: how it ended
  std::string shim_log;  // the shim's own troubles
};

}  // namespace lrti::worker
