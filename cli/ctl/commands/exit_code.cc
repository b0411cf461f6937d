#include "cli/ctl/commands/exit_code.h"

#include "common/lifecycle/job_state.h"

namespace lrti::ctl {

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kOk;
    case absl::StatusCode::kInvalidArgument:
      return kBadInput;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kUnreachable;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return kNotAllowed;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return kConflict;
    case absl::StatusCode::kCancelled:
      return kInterrupted;
    default:
      return kFailure;
  }
}

ExitCode ExitCodeOfState(const std::string& state) {
  using lifecycle::JobState;
  if (state == NameOf(JobState::kSucceeded)) return kOk;
  if (state == NameOf(JobState::kFailed)) return kJobFailed;
  if (state == NameOf(JobState::kCancelled)) return kJobCancelled;
  return kJobGoesOn;
}

std::string NextStep(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return "lrti-ctl up starts a coordinator here; lrti-ctl config view --origin says which one "
             "is asked; lrti-ctl doctor looks closer";
    case absl::StatusCode::kDeadlineExceeded:
      return "try again, or wait longer with --answer-in 60s; lrti-ctl doctor looks closer";
    case absl::StatusCode::kUnauthenticated:
      return "lrti-ctl login stores the token that an admin gave you";
    case absl::StatusCode::kPermissionDenied:
      return "ask an admin for a token of another role or project (lrti-ctl token new)";
    case absl::StatusCode::kNotFound:
      return "lrti-ctl list shows the jobs, lrti-ctl agents ls the agents";
    case absl::StatusCode::kFailedPrecondition:
      return "lrti-ctl describe JOB shows where it stands";
    case absl::StatusCode::kUnimplemented:
      return "lrti-ctl version names both; install the same everywhere";
    case absl::StatusCode::kResourceExhausted:
      return "lrti-ctl queues shows how full they are";
    default:
      return "";
  }
}

}  // namespace lrti::ctl
