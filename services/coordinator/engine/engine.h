#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/duration_histogram.h"
#include "services/coordinator/journal/journal.h"
#include "services/coordinator/state/assignments.h"
#include "services/coordinator/state/book.h"
#include "services/coordinator/state/explain.h"
#include "services/coordinator/state/live.h"
#include "services/coordinator/state/report.h"
#include "services/coordinator/state/rules.h"
#include "services/coordinator/state/tally.h"
#include "services/coordinator/state/usage.h"

namespace lrti::coordinator {

/// What people ask of a job.
enum class Verb : uint8_t { kPause, kResume, kCancel, kRetry };

/// Counters since the start, for metrics.
struct EngineCounts {
  uint64_t commits = 0;
  uint64_t updates = 0;
  uint64_t commit_failures = 0;
  uint64_t cycles = 0;  // of the scheduler
  DurationHistogram::Counts commit_times;
  DurationHistogram::Counts cycle_times;
  double cycle_seconds_last = 0;
  double load_seconds = 0;  // of the journal, at the start
  uint64_t queue_refusals = 0;
};

/// The coordinator without its network: one thread decides, by the rules of state/, on a book of
/// its own; what it decides is on the disk before anybody sees it.
///
/// Commands wait in a bounded queue and are taken together: one commit for all of them. After a
/// commit that failed (a full disk) nothing of it has happened, the callers get Unavailable, and
/// `trouble()` says why until a commit succeeds. Thread-safe.
///
/// Errors of every command: those of its operation in state/; Unavailable when the journal cannot
/// be written; ResourceExhausted when the queue is full; DeadlineExceeded after `call_timeout`
/// (it may or may not happen then: ask again).
class Engine {
 public:
  struct Options {
    Rules rules;
    size_t queue_max = 10'000;
    size_t batch_max = 1'000;
    absl::Duration tick = absl::Milliseconds(250);        // at least so often
    absl::Duration cycle_pause = absl::Milliseconds(20);  // at most so often, when busy
    absl::Duration call_timeout = absl::Seconds(30);
    uint64_t snapshot_every = 50'000;         // updates
    std::function<std::string()> new_job_id;  // empty: lrti- and 10 random letters
    // Called by the thread, without its lock, for each job that the journal has dropped.
    std::function<void(const std::string& job)> on_forgotten;
  };

  /// Loads the journal and starts the thread. `journal` and `clock` outlive the engine.
  /// Errors: as Journal::Load.
  static absl::StatusOr<std::unique_ptr<Engine>> Start(Journal& journal, const Clock& clock,
                                                       Options options);

  /// Ends the thread; what waits in the queue gets Cancelled.
  virtual ~Engine() = default;

  /// The job's id. The first parses the YAML in the caller's thread; its errors: as ReadSubmission,
  /// too.
  absl::StatusOr<std::string> Submit(const SubmitArguments& arguments);
  virtual absl::StatusOr<std::string> Submit(Submission submission) = 0;

  /// The job's full id; `name` may be any beginning of it.
  virtual absl::StatusOr<std::string> Control(Verb verb, const std::string& name,
                                              const std::string& actor) = 0;
  virtual absl::StatusOr<std::string> SetPriority(const std::string& name, int64_t priority,
                                                  const std::string& actor) = 0;

  /// What the agent shall run. Errors: as Absorb, too.
  virtual absl::StatusOr<std::vector<Assignment>> Sync(const AgentReport& report) = 0;

  /// kReady ends draining and quarantine.
  virtual absl::Status SetAgentMode(const std::string& agent, AgentMode mode,
                                    const std::string& message, const std::string& actor) = 0;

  /// Shows what is on the disk. The engine waits meanwhile: look, copy, return.
  virtual void Read(
      const std::function<void(const Book&, const Live&, Moment now)>& look) const = 0;

  /// Errors: as JobNamed.
  virtual absl::StatusOr<Explanation> Explain(const std::string& name) const = 0;
  virtual Fit CouldRun(const Submission& submission) const = 0;
  virtual absl::StatusOr<std::vector<UsageRow>> Usage(const UsageQuery& query) const = 0;

  /// As Journal::Transitions; `name` as in Control, or empty for all.
  virtual absl::StatusOr<std::vector<Transition>> Transitions(const std::string& name,
                                                              uint64_t after_seq,
                                                              int64_t limit) const = 0;

  /// Waits until the visible book is newer than `after_seq`, `timeout` has passed (by the system's
  /// clock; at most a day) or Stop was called; returns its seq. Book::by_version tells which jobs
  /// changed.
  virtual uint64_t WaitForChange(uint64_t after_seq, absl::Duration timeout) const = 0;

  /// Ends all WaitForChange, now and later, and the thread. Idempotent.
  virtual void Stop() = 0;

  /// Why the journal cannot be written; empty: it can.
  virtual std::string trouble() const = 0;
  virtual EngineCounts counts() const = 0;
  virtual Tally tally() const = 0;
  virtual const Rules& rules() const = 0;
};

}  // namespace lrti::coordinator
