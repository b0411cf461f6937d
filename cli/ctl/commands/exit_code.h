#pragma once

#include <string>

#include "absl/status/status.h"

namespace lrti::ctl {

/// Exit codes of lrti-ctl (docs/lrti-ctl.md).
enum ExitCode : int {
  kOk = 0,
  kFailure = 1,
  kBadInput = 2,     // flags, a job file, a settings file; nothing was sent, or nothing was taken
  kUnreachable = 3,  // no answer from the coordinator, or not in time
  kNotAllowed = 4,
  kConflict = 5,     // the job's state forbids it, or somebody was first
  kJobFailed = 100,  // these four: wait, logs -f, submit --wait
  kJobGoesOn = 101,
  kJobUnknown = 102,
  kJobCancelled = 103,
  kInterrupted = 130,
};

ExitCode ExitCodeOf(const absl::Status& status);

/// Of a job in this state, for who waits for it.
ExitCode ExitCodeOfState(const std::string& state);

/// What to do about an error; empty where the message says it, or nothing helps.
std::string NextStep(const absl::Status& status);

}  // namespace lrti::ctl
