#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/lifecycle/end_reason.h"
#include "common/lifecycle/job_state.h"
#include "services/coordinator/state/moment.h"
#include "services/coordinator/state/submission.h"

namespace lrti::coordinator {

using lifecycle::EndClass;
using lifecycle::EndReason;
using lifecycle::JobState;

/// Where a rank runs.
struct RankPlace {
  int64_t rank = 0;
  std::string agent;
  std::string device;  // uuid; unique together with the agent

  bool operator==(const RankPlace&) const = default;
};

/// Why an attempt ends before its work is done.
struct Cause {
  EndReason reason = EndReason::kInternal;
  int64_t rank = -1;  // the culprit; -1: none in particular
  std::string agent;
  std::string message;     // one line
  std::string last_lines;  // of the culprit's log
  absl::Time time;         // when the rank ended, by its machine's clock

  bool operator==(const Cause&) const = default;
};

/// How far an attempt came.
struct Progress {
  int64_t step = 0;
  int64_t iterations = 0;
  std::string phase;
  double steps_per_second = 0;
  double loss = 0;
  double psnr = 0;
  int64_t checkpoint_step = 0;
  uint64_t memory_peak_bytes = 0;  // the greatest of any rank
  absl::Time last_step = absl::InfinitePast();

  bool operator==(const Progress&) const = default;
};

/// The attempt that holds GPUs now.
struct AttemptRecord {
  std::vector<RankPlace> ranks;  // by rank
  Moment started;
  std::optional<Moment> running;     // first step
  std::optional<Moment> stopping;    // told to end, or found to have failed
  std::optional<Cause> cause;        // as far as known
  std::optional<Moment> checkpoint;  // when its last one was seen
  int64_t checkpoint_step = 0;       // of that one

  bool operator==(const AttemptRecord&) const = default;
};

struct Restarts {
  int64_t user = 0;
  int64_t infra = 0;
  int64_t preempt = 0;

  int64_t total() const { return user + infra + preempt; }
  bool operator==(const Restarts&) const = default;
};

/// A job as the journal tells it. What is read from agents and not worth a disk write is in Live.
struct JobRecord {
  std::shared_ptr<const Submission> submission;
  uint64_t submit_seq = 0;  // its place in the queue
  uint64_t version = 0;     // seq of the last update that changed it

  JobState state = JobState::kPending;
  std::string state_reason;  // of the last transition: an end reason's word, or empty
  std::string message;       // of the last transition, one line
  Moment state_since;
  bool hold = false;
  int64_t priority = 50;

  int64_t attempt = 0;                   // of now, or the last; 0: none yet
  std::optional<AttemptRecord> current;  // while the job holds GPUs

  std::optional<EndReason> end_reason;  // of the last attempt
  std::optional<Cause> end_cause;       // the same with its rank and lines, if it failed
  Progress progress;                    // of the last attempt that ended
  Restarts restarts;
  int64_t failures_in_row = 0;  // without progress between them: sets the backoff
  int64_t stalled_step = -1;    // the last attempt stood still there; -1: it did not
  int64_t checkpoint_step = 0;  // newest one seen, of any attempt
  absl::Duration checkpoint_time;
  absl::Duration not_before;                       // steady; it waits until then
  absl::Time not_before_wall = absl::UnixEpoch();  // the same for people

  absl::Time submitted;
  absl::Time started = absl::InfinitePast();  // first attempt
  absl::Time ended = absl::InfinitePast();    // while the state is final
  int64_t gpu_microseconds = 0;               // of attempts that ended

  const std::string& id() const { return submission->job; }
};

}  // namespace lrti::coordinator
