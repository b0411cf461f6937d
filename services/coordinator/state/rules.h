#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"

namespace lrti::coordinator {

struct QueueRule {
  int64_t gpus_max = 0;  // that its jobs may hold together; 0: no limit
};

/// What an operator sets. Not journalled: a change holds from the next start on.
struct Rules {
  std::map<std::string, QueueRule> queues = {{"default", {}}};
  int64_t jobs_waiting_max = 100'000;  // PENDING and PAUSED ones; more are refused
  int64_t jobs_max = 200'000;          // in memory; the oldest ended ones are forgotten beyond it
  std::string runs_dir = "runs";       // a job's run directory is runs_dir/JOB

  absl::Duration lease = absl::Seconds(10);  // a silent agent is lost after it
  absl::Duration sync_period = absl::Seconds(1);
  absl::Duration lost_grace = absl::Seconds(60);    // its attempts end after so long a silence
  absl::Duration missing_grace = absl::Seconds(2);  // an attempt that its agent forgot is over
  absl::Duration start_timeout = absl::Minutes(10);

  absl::Duration backoff_first = absl::Seconds(1);
  absl::Duration backoff_max = absl::Minutes(5);
  absl::Duration healthy_run = absl::Minutes(10);  // so long a run forgets earlier failures

  // A job with fewer ranks than it asks for restarts with more after so long a run.
  absl::Duration grow_after = absl::Minutes(10);

  // To save and end; twice the last checkpoint's time, within these.
  absl::Duration grace_min = absl::Seconds(30);
  absl::Duration grace_unknown = absl::Minutes(2);
  absl::Duration grace_max = absl::Minutes(30);

  double forecast_headroom = 1.05;  // a GPU needs so much more memory than the peak recorded
};

}  // namespace lrti::coordinator
