#pragma once

#include "absl/status/status.h"

namespace lrti::vsr {

/// Exit codes of lrti-vsr (README, "Exit codes").
enum ExitCode : int {
  kOk = 0,
  kFailure = 1,        // the run failed: numbers, memory, disk, damaged data
  kBadInput = 2,       // flags, config, or a path that does not fit; nothing was written
  kTryAgain = 75,      // train: a rank was lost, a newer attempt took over, a device is away
  kDoNotRestart = 93,  // train: it would fail again the same way; a person has to look
  kInterrupted = 130,  // a second Ctrl-C, or the first where nothing is saved to go on from
};

inline ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kOutOfRange:
      return kBadInput;
    case absl::StatusCode::kCancelled:
      return kInterrupted;
    default:
      return kFailure;
  }
}

}  // namespace lrti::vsr
