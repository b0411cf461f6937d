#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "common/base/duration_histogram.h"
#include "common/lifecycle/named.h"
#include "services/coordinator/state/book.h"
#include "services/coordinator/state/live.h"
#include "services/coordinator/state/update.h"

namespace lrti::coordinator {

/// What passes between a failure and the first step of the next attempt.
enum class RecoveryPhase : uint8_t {
  kDetect,     // the rank ended, and the coordinator decides
  kKill,       // until nothing of the attempt is left and its GPUs are free
  kQueue,      // backoff, and waiting for GPUs
  kSpawn,      // until the slowest rank's process is there
  kLoad,       // until it has loaded its checkpoint
  kFirstStep,  // until its first step
};

inline constexpr std::array kRecoveryPhases = {
    lifecycle::Named{RecoveryPhase::kDetect, "detect"},
    lifecycle::Named{RecoveryPhase::kKill, "kill"},
    lifecycle::Named{RecoveryPhase::kQueue, "queue"},
    lifecycle::Named{RecoveryPhase::kSpawn, "spawn"},
    lifecycle::Named{RecoveryPhase::kLoad, "load"},
    lifecycle::Named{RecoveryPhase::kFirstStep, "first_step"}};

/// What happened since the coordinator's start, for metrics. A plain value.
struct Tally {
  using Durations = DurationHistogram::Counts;

  std::map<std::string, uint64_t> submitted;  // by queue
  std::map<std::pair<JobState, JobState>, uint64_t> transitions;
  std::map<std::pair<EndClass, EndReason>, uint64_t> restarts;  // by whose budget paid
  std::map<EndReason, uint64_t> stalls;                         // STALLED or NO_PROGRESS
  std::map<std::string, uint64_t> preemptions;                  // by queue
  std::map<std::string, Durations> waits;                       // in a queue, backoff left out
  std::array<Durations, kRecoveryPhases.size()> recovery;       // of attempts after a failure
  Durations checkpoints;
};

/// Counts an entry of the journal. `book` and `live` are as before it.
void Count(const Entry& entry, const Book& book, const Live& live, Tally& tally);

}  // namespace lrti::coordinator
