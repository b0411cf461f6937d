#include "services/coordinator/state/transitions.h"

#include <array>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/base/check.h"

namespace lrti::coordinator {
namespace {

struct Row {
  JobState from;
  std::vector<JobState> to;
};

using enum JobState;

const std::array kRows = {
    Row{kPending, {kAdmitted, kPaused, kCancelled}},
    Row{kAdmitted, {kStarting, kCheckpointing, kPausing, kRestarting, kStopping, kCancelling}},
    Row{kStarting, {kRunning, kCheckpointing, kPausing, kRestarting, kStopping, kCancelling}},
    Row{kRunning, {kCheckpointing, kPausing, kRestarting, kStopping, kCancelling}},
    Row{kCheckpointing, {kPending, kPausing, kCancelling, kSucceeded}},
    Row{kPausing, {kPaused, kCancelling, kSucceeded}},
    Row{kPaused, {kPending, kCancelled}},
    Row{kRestarting, {kPending, kFailed, kPausing, kCancelling, kSucceeded}},
    Row{kStopping, {kSucceeded, kFailed, kPending, kCancelling}},
    Row{kCancelling, {kCancelled, kSucceeded}},
    Row{kSucceeded, {}},
    Row{kFailed, {kPending}},
    Row{kCancelled, {kPending}},
};

const Row& RowOf(JobState from) {
  const Row& row = kRows[static_cast<size_t>(from)];
  LRTI_CHECK(row.from == from);
  return row;
}

}  // namespace

bool IsLegal(JobState from, JobState to) {
  for (const JobState allowed : RowOf(from).to) {
    if (allowed == to) return true;
  }
  return false;
}

bool IsEnding(JobState state) {
  return state == kCheckpointing || state == kPausing || state == kRestarting ||
         state == kStopping || state == kCancelling;
}

std::string LegalFrom(JobState from) {
  return absl::StrJoin(RowOf(from).to, ", ", [](std::string* out, JobState state) {
    out->append(lifecycle::NameOf(state));
  });
}

StateChanged ChangeOf(const JobRecord& job, JobState to, std::string reason, std::string message,
                      std::string actor) {
  LRTI_CHECK(IsLegal(job.state, to));
  StateChanged change;
  change.job = job.id();
  change.attempt = job.attempt;
  change.from = job.state;
  change.to = to;
  change.reason = std::move(reason);
  change.message = std::move(message);
  change.actor = std::move(actor);
  return change;
}

}  // namespace lrti::coordinator
