#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "services/coordinator/state/agent_record.h"
#include "services/coordinator/state/job_record.h"
#include "services/coordinator/state/ledger.h"
#include "services/coordinator/state/moment.h"

namespace lrti::coordinator {

// Facts, as the journal keeps them. Their names and fields are its format: add fields, never
// rename.

struct JobSubmitted {
  static constexpr const char* kKind = "JobSubmitted";
  std::shared_ptr<const Submission> submission;
};

/// Every transition of a job. AttemptStarted and AttemptEnded stand beside, never instead.
struct StateChanged {
  static constexpr const char* kKind = "StateChanged";
  std::string job;
  int64_t attempt = 0;
  JobState from = JobState::kPending;
  JobState to = JobState::kPending;
  std::string reason;  // an end reason's word, or empty
  std::string message;
  std::string actor;           // a user, or "scheduler", "agent NAME", "coordinator"
  std::optional<Cause> cause;  // when the attempt ends because of a failure
  bool fresh_budgets = false;  // a retry: nothing is held against it any more
};

struct AttemptStarted {
  static constexpr const char* kKind = "AttemptStarted";
  std::string job;
  int64_t attempt = 0;
  std::vector<RankPlace> ranks;
};

struct AttemptEnded {
  static constexpr const char* kKind = "AttemptEnded";
  std::string job;
  int64_t attempt = 0;
  EndReason reason = EndReason::kInternal;
  std::optional<Cause> cause;
  Progress progress;
  LedgerRow row;
  Restarts restarts;  // of the job, from now on
  int64_t failures_in_row = 0;
  int64_t stalled_step = -1;
  absl::Duration backoff;
};

/// The cause is known better than before.
struct CauseFound {
  static constexpr const char* kKind = "CauseFound";
  std::string job;
  int64_t attempt = 0;
  Cause cause;
};

struct PriorityChanged {
  static constexpr const char* kKind = "PriorityChanged";
  std::string job;
  int64_t priority = 0;
  std::string actor;
};

/// A job on hold may run.
struct HoldReleased {
  static constexpr const char* kKind = "HoldReleased";
  std::string job;
  std::string actor;
};

/// A job need not wait for its backoff.
struct BackoffCleared {
  static constexpr const char* kKind = "BackoffCleared";
  std::string job;
  std::string actor;
};

struct CheckpointSeen {
  static constexpr const char* kKind = "CheckpointSeen";
  std::string job;
  int64_t attempt = 0;
  int64_t step = 0;
  absl::Duration time;  // that it took
};

/// A rank of this shape took more memory than any before.
struct PeakSeen {
  static constexpr const char* kKind = "PeakSeen";
  std::string shape;
  uint64_t bytes = 0;
};

/// An agent is there for the first time, again, or with other devices.
struct AgentJoined {
  static constexpr const char* kKind = "AgentJoined";
  std::string agent;
  uint64_t incarnation = 0;
  std::string address;
  std::string version;
  std::vector<DeviceRecord> devices;
};

struct AgentChanged {
  static constexpr const char* kKind = "AgentChanged";
  std::string agent;
  AgentMode mode = AgentMode::kReady;
  bool lost = false;
  std::string message;
  std::string actor;
  bool faults_cleared = false;  // its faulty GPUs get another chance
};

/// A lost agent without jobs gives its place to another one.
struct AgentForgotten {
  static constexpr const char* kKind = "AgentForgotten";
  std::string agent;
};

/// An ended job is dropped from memory; the journal keeps its history.
struct JobForgotten {
  static constexpr const char* kKind = "JobForgotten";
  std::string job;
};

using Update = std::variant<JobSubmitted, StateChanged, AttemptStarted, AttemptEnded, CauseFound,
                            PriorityChanged, HoldReleased, BackoffCleared, CheckpointSeen, PeakSeen,
                            AgentJoined, AgentChanged, JobForgotten, AgentForgotten>;
using Updates = std::vector<Update>;

/// An update in its place.
struct Entry {
  uint64_t seq = 0;
  Moment at;
  Update update;
};

/// "StateChanged", ...
std::string_view KindOf(const Update& update);

/// The job that it is about; empty for none.
const std::string& JobOf(const Update& update);

}  // namespace lrti::coordinator
