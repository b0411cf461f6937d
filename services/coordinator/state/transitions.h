#pragma once

#include <string>

#include "services/coordinator/state/job_record.h"
#include "services/coordinator/state/update.h"

namespace lrti::coordinator {

/// Whether a job may go from one state to the other: the whole state machine. Only a retry leaves a
/// final state.
bool IsLegal(JobState from, JobState to);

/// The job holds GPUs, and its processes shall end.
bool IsEnding(JobState state);

/// The words of the states that `from` may go to: "PENDING, PAUSED".
std::string LegalFrom(JobState from);

/// The job's transition to `to`. REQUIRES: IsLegal(job.state, to).
StateChanged ChangeOf(const JobRecord& job, JobState to, std::string reason, std::string message,
                      std::string actor);

}  // namespace lrti::coordinator
