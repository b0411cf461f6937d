#include "services/coordinator/state/tally.h"

#include <algorithm>

namespace lrti::coordinator {
namespace {

class Counting {
 public:
  Counting(const Book& book, const Live& live, Moment at, Tally& tally)
      : book_(book), live_(live), at_(at), tally_(tally) {}

  void operator()(const JobSubmitted& fact) { ++tally_.submitted[fact.submission->queue]; }

  void operator()(const StateChanged& fact) {
    ++tally_.transitions[{fact.from, fact.to}];
    const JobRecord& job = book_.jobs.at(fact.job);
    if (fact.to == JobState::kAdmitted) {
      const absl::Duration since = std::max(job.state_since.steady, job.not_before);
      tally_.waits[job.submission->queue].Add(Positive(at_.steady - since));
    }
    if (fact.cause) CountFailure(*fact.cause);
    if (fact.to == JobState::kRunning && job.end_cause) CountStart(job);
  }

  void operator()(const AttemptStarted& fact) {
    const JobRecord& job = book_.jobs.at(fact.job);
    if (job.end_cause) Add(RecoveryPhase::kQueue, at_.steady - job.state_since.steady);
  }

  void operator()(const AttemptEnded& fact) {
    const JobRecord& job = book_.jobs.at(fact.job);
    const auto paid = [&](EndClass kind, int64_t before, int64_t after) {
      if (after > before) ++tally_.restarts[{kind, fact.reason}];
    };
    paid(EndClass::kUser, job.restarts.user, fact.restarts.user);
    paid(EndClass::kInfra, job.restarts.infra, fact.restarts.infra);
    paid(EndClass::kPreempt, job.restarts.preempt, fact.restarts.preempt);
    if (fact.reason == EndReason::kPreempted) ++tally_.preemptions[job.submission->queue];
    if (fact.cause && job.current && job.current->stopping) {
      Add(RecoveryPhase::kKill, at_.steady - job.current->stopping->steady);
    }
  }

  void operator()(const CheckpointSeen& fact) { tally_.checkpoints.Add(Positive(fact.time)); }

  template <typename Other>
  void operator()(const Other&) {}

 private:
  static absl::Duration Positive(absl::Duration time) {
    return std::max(time, absl::ZeroDuration());
  }

  void Add(RecoveryPhase phase, absl::Duration time) {
    tally_.recovery[static_cast<size_t>(phase)].Add(Positive(time));
  }

  void CountFailure(const Cause& cause) {
    if (cause.reason == EndReason::kStalled || cause.reason == EndReason::kNoProgress) {
      ++tally_.stalls[cause.reason];
    }
    // Two machines' clocks; a lost agent's rank has no time.
    if (cause.rank >= 0) Add(RecoveryPhase::kDetect, at_.wall - cause.time);
  }

  // The parts that ranks tell, each by its machine's clock, are those of the slowest rank.
  void CountStart(const JobRecord& job) {
    const AttemptLive* const attempt = FindAttempt(live_, job.id(), job.attempt);
    if (attempt == nullptr || !job.current) return;
    absl::Duration load;
    absl::Duration step;
    for (const auto& [rank, live] : attempt->ranks) {
      const RankReport& report = live.report;
      if (!report.spawned || !report.loaded) continue;
      load = std::max(load, *report.loaded - *report.spawned);
      if (report.first_step) step = std::max(step, *report.first_step - *report.loaded);
    }
    Add(RecoveryPhase::kLoad, load);
    Add(RecoveryPhase::kFirstStep, step);
    Add(RecoveryPhase::kSpawn, at_.steady - job.current->started.steady - load - step);
  }

  const Book& book_;
  const Live& live_;
  const Moment at_;
  Tally& tally_;
};

}  // namespace

void Count(const Entry& entry, const Book& book, const Live& live, Tally& tally) {
  std::visit(Counting(book, live, entry.at, tally), entry.update);
}

}  // namespace lrti::coordinator
