#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "services/worker/rank/records.h"

namespace lrti::worker {

/// What is seen of a rank's processes at one moment.
struct RankSight {
  std::optional<PidRecord> pids;
  std::optional<ExitRecord> exit;  // the trainer has ended, and this is how
  bool gone = false;               // no process of the rank is left, and none will come
  bool rebooted = false;           // the machine went down while the rank ran
  std::string shim_log;            // when it is gone without `exit`: the shim's last words
};

/// The processes of ranks, each known by its folder in the spool, across restarts of the agent.
class RankProcesses {
 public:
  virtual ~RankProcesses() = default;

  /// Writes launch.json and starts the shim. `store_fd`: a listening socket that the trainer
  /// inherits; -1: none. Errors: those of the file; Unavailable when no process can be made.
  virtual absl::Status Start(const std::string& rank_folder, const LaunchRecord& launch,
                             int store_fd) = 0;

  virtual RankSight Look(const std::string& rank_folder) = 0;

  /// Sends a signal to the trainer; the shim ends what the trainer leaves behind.
  virtual void Signal(const std::string& rank_folder, int signal) = 0;
};

/// The real ones, each below a shim.
class ShimProcesses final : public RankProcesses {
 public:
  /// `program shim FOLDER` must run RunShim: it is lrti-worker itself.
  explicit ShimProcesses(std::string program) : program_(std::move(program)) {}

  absl::Status Start(const std::string& rank_folder, const LaunchRecord& launch,
                     int store_fd) override;
  RankSight Look(const std::string& rank_folder) override;
  void Signal(const std::string& rank_folder, int signal) override;

 private:
  bool ShimLives(const std::string& rank_folder, const RankSight& sight);

  const std::string program_;
  std::map<std::string, int64_t>
      shims_;  // children of this process that were not waited for, by folder
};

}  // namespace lrti::worker
