#pragma once

#include "absl/time/time.h"
#include "services/coordinator/state/job_record.h"
#include "services/coordinator/state/live.h"

namespace lrti::coordinator {

/// How far the job is: of its live attempt, else of its last one.
Progress ProgressOf(const Live& live, const JobRecord& job);

/// Until the last step at the speed of late; negative: unknown.
absl::Duration Eta(const Progress& progress);

/// Of all attempts, the running one included.
double GpuSeconds(const JobRecord& job, Moment now);

}  // namespace lrti::coordinator
