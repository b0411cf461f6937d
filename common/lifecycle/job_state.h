#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/lifecycle/named.h"

namespace lrti::lifecycle {

/// Where a job stands. The last three are final, but for a retry.
enum class JobState : uint8_t {
  kPending,        // waits for GPUs, quota, or a person
  kAdmitted,       // GPUs are chosen, its agents do not know yet
  kStarting,       // processes come up
  kRunning,        // a step was done in this attempt
  kCheckpointing,  // saves, to make room for another job
  kPausing,        // saves, then PAUSED
  kPaused,
  kRestarting,  // what is left of an attempt ends, then PENDING
  kStopping,    // the work is done or has failed; the last processes end
  kCancelling,
  kSucceeded,
  kFailed,
  kCancelled,
};

inline constexpr std::array kJobStates = {
    Named{JobState::kPending, "PENDING"},
    Named{JobState::kAdmitted, "ADMITTED"},
    Named{JobState::kStarting, "STARTING"},
    Named{JobState::kRunning, "RUNNING"},
    Named{JobState::kCheckpointing, "CHECKPOINTING"},
    Named{JobState::kPausing, "PAUSING"},
    Named{JobState::kPaused, "PAUSED"},
    Named{JobState::kRestarting, "RESTARTING"},
    Named{JobState::kStopping, "STOPPING"},
    Named{JobState::kCancelling, "CANCELLING"},
    Named{JobState::kSucceeded, "SUCCEEDED"},
    Named{JobState::kFailed, "FAILED"},
    Named{JobState::kCancelled, "CANCELLED"},
};

constexpr std::string_view NameOf(JobState state) { return NameIn(kJobStates, state); }

/// Nothing of the job runs, and nothing will by itself.
constexpr bool IsFinal(JobState state) {
  return state == JobState::kSucceeded || state == JobState::kFailed ||
         state == JobState::kCancelled;
}

/// The job holds GPUs.
constexpr bool HoldsGpus(JobState state) {
  return !IsFinal(state) && state != JobState::kPending && state != JobState::kPaused;
}

}  // namespace lrti::lifecycle
