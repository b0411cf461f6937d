#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "services/worker/rank/spool.h"

namespace lrti::worker {

/// What must hold before a rank is started here: there is room for its log, and the trainer is a
/// program that runs. Not thread-safe.
class Preflight {
 public:
  Preflight(Spool spool, std::string trainer, uint64_t free_bytes_min)
      : spool_(std::move(spool)), trainer_(std::move(trainer)), free_bytes_min_(free_bytes_min) {}

  /// Runs `trainer --version` when the program is another one than at the last success; that takes
  /// at most 30 s. Errors: ResourceExhausted for the disk; NotFound, Unavailable for the trainer;
  /// each says what to do.
  absl::Status Check();

 private:
  absl::Status CheckDisk() const;
  absl::Status CheckTrainer();

  const Spool spool_;
  const std::string trainer_;
  const uint64_t free_bytes_min_;
  std::string known_good_;  // size and time of the program that ran
};

}  // namespace lrti::worker
