#pragma once

#include <optional>

#include "absl/time/time.h"
#include "services/coordinator/state/job_record.h"
#include "services/coordinator/state/ledger.h"
#include "services/coordinator/state/live.h"
#include "services/coordinator/state/rules.h"

namespace lrti::coordinator {

/// Why the attempt failed, by the ranks that have exited: the first one by time, where a rank that
/// lost its peer gives way to any other cause, and one that was told to end counts for nothing.
std::optional<Cause> CauseOf(const JobRecord& job, const AttemptLive& attempt);

/// `found` explains the failure better than `known`.
bool IsBetter(const Cause& found, const Cause& known);

/// Every rank has exited; with COMPLETED.
bool AllExited(const JobRecord& job, const AttemptLive& attempt);
bool AllCompleted(const JobRecord& job, const AttemptLive& attempt);

/// The stall that was reported, told by its culprit: of all ranks the one without heartbeats, else
/// the one that is furthest behind, else the one that the agent named. NO_PROGRESS when the attempt
/// before stood still at the same step.
Cause StallCause(const JobRecord& job, const AttemptLive& attempt, Moment now);

/// What follows on an attempt that failed.
struct Sequel {
  bool again = false;
  Restarts restarts;
  int64_t failures_in_row = 0;
  absl::Duration backoff;
};
Sequel SequelOf(const JobRecord& job, const Rules& rules, EndReason reason, Moment now);

/// The wait before the next attempt: doubles with each failure in a row; its jitter is the same
/// whenever the same job and attempt are asked for.
absl::Duration BackoffOf(const Rules& rules, const std::string& job, int64_t attempt,
                         int64_t failures_in_row);

/// How the time of the attempt's GPUs was used, until `end`. `saved`: nothing was lost at its end.
/// `last_step`: when it was last seen to make one; for STALLED.
LeaseSplit SplitOf(const AttemptRecord& attempt, bool saved, bool stalled,
                   std::optional<Moment> last_step, Moment end);

}  // namespace lrti::coordinator
