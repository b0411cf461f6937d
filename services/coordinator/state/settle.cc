#include "services/coordinator/state/settle.h"

#include <algorithm>
#include <set>
#include <string>

#include "common/base/check.h"
#include "fmt/format.h"
#include "services/coordinator/state/progress.h"
#include "services/coordinator/state/transitions.h"
#include "services/coordinator/state/verdict.h"

namespace lrti::coordinator {
namespace {

using enum JobState;

std::string Word(EndReason reason) { return std::string(lifecycle::NameOf(reason)); }

/// One job with an attempt, looked at once.
class Settling {
 public:
  Settling(const Book& book, const Live& live, const Rules& rules, const JobRecord& job, Moment now)
      : book_(book),
        live_(live),
        rules_(rules),
        job_(job),
        now_(now),
        attempt_(FindAttempt(live, job.id(), job.attempt)) {
    for (const RankPlace& place : job.current->ranks) agents_.insert(place.agent);
  }

  Updates Next() {
    if (IsEnding(job_.state)) return AllGone() ? End() : BetterCause();
    if (attempt_ != nullptr && AllCompleted(job_, *attempt_)) {
      return {Change(kStopping, EndReason::kCompleted, "all ranks reached the end")};
    }
    if (auto cause = Failure()) return Fail(*std::move(cause));
    if (auto yields = Yield()) return {*std::move(yields)};
    return Advance();
  }

 private:
  StateChanged Change(JobState to, EndReason reason, std::string message) const {
    return ChangeOf(job_, to, Word(reason), std::move(message), "coordinator");
  }

  const PartLive* Part(const std::string& agent) const {
    if (attempt_ == nullptr) return nullptr;
    const auto it = attempt_->parts.find(agent);
    return it == attempt_->parts.end() ? nullptr : &it->second;
  }
  /// The later of `since` and the moment from which on the agents could be heard.
  absl::Duration Listened(absl::Duration since) const { return std::max(since, live_.began); }
  bool Silent(const std::string& agent) const {
    return SilenceOf(live_, agent, now_) > rules_.lost_grace;
  }
  /// The agent is there, and does not know the attempt (any more).
  bool Missing(const std::string& agent) const {
    const PartLive* part = Part(agent);
    if (part == nullptr || !part->missing_since) return false;
    absl::Duration since = Listened(*part->missing_since);
    // An order to begin it may have been on its way until it was told to end.
    const std::optional<Moment>& stopping = job_.current->stopping;
    if (stopping && !part->known) since = std::max(since, stopping->steady);
    return now_.steady - since >= rules_.missing_grace;
  }
  bool Gone(const std::string& agent) const {
    const PartLive* part = Part(agent);
    return (part != nullptr && part->gone) || Missing(agent) || Silent(agent);
  }
  bool AllGone() const {
    return std::all_of(agents_.begin(), agents_.end(), [&](const auto& id) { return Gone(id); });
  }

  Cause AgentCause(EndReason reason, const std::string& agent, std::string message) const {
    Cause cause;
    cause.reason = reason;
    cause.agent = agent;
    cause.message = std::move(message);
    cause.time = now_.wall;
    return cause;
  }

  std::optional<Cause> Failure() const {
    if (attempt_ != nullptr) {
      if (auto cause = CauseOf(job_, *attempt_)) return cause;
      if (attempt_->stall) return StallCause(job_, *attempt_, now_);
    }
    for (const std::string& agent : agents_) {
      if (auto cause = AgentFailure(agent)) return cause;
    }
    const bool coming_up = job_.state == kAdmitted || job_.state == kStarting;
    const absl::Duration since = Listened(job_.current->started.steady);
    if (coming_up && now_.steady - since > rules_.start_timeout) {
      return AgentCause(
          EndReason::kStartTimeout, "",
          fmt::format("no first step within {}", absl::FormatDuration(rules_.start_timeout)));
    }
    return std::nullopt;
  }

  std::optional<Cause> AgentFailure(const std::string& agent) const {
    if (Silent(agent)) {
      return AgentCause(EndReason::kAgentLost, agent,
                        fmt::format("agent {} was silent for {}", agent,
                                    absl::FormatDuration(absl::Trunc(SilenceOf(live_, agent, now_),
                                                                     absl::Seconds(1)))));
    }
    const PartLive* part = Part(agent);
    const bool was_known = job_.state != kAdmitted || (part != nullptr && part->known);
    if (was_known && Missing(agent)) {
      return AgentCause(EndReason::kNodeLost, agent,
                        fmt::format("agent {} no longer has the attempt: its machine or its state "
                                    "was lost",
                                    agent));
    }
    return std::nullopt;
  }

  Updates Fail(Cause cause) const {
    const bool again = SequelOf(job_, rules_, cause.reason, now_).again;
    StateChanged change = Change(again ? kRestarting : kStopping, cause.reason, cause.message);
    change.cause = std::move(cause);
    return {std::move(change)};
  }

  /// Saves and ends without having failed.
  std::optional<StateChanged> Yield() const {
    for (const std::string& agent : agents_) {
      const auto it = book_.agents.find(agent);
      if (it != book_.agents.end() && it->second.mode == AgentMode::kDraining) {
        return Change(kCheckpointing, EndReason::kPreempted,
                      fmt::format("agent {} is being drained", agent));
      }
    }
    if (attempt_ == nullptr || !(AllExited(job_, *attempt_) || AllReportedGone())) {
      return std::nullopt;
    }
    for (const std::string& agent : agents_) {
      const auto it = live_.agents.find(agent);
      if (it != live_.agents.end() && it->second.draining) {
        return Change(kCheckpointing, EndReason::kPreempted,
                      fmt::format("agent {} was stopped", agent));
      }
    }
    // Whoever told them, maybe an agent that could not tell us: no work is lost.
    if (SavedOnOrder()) {
      return Change(kCheckpointing, EndReason::kPreempted,
                    "its ranks were told to stop, and saved");
    }
    // Nobody told it to end, and no rank says that it failed.
    StateChanged change =
        std::get<StateChanged>(Fail(AgentCause(EndReason::kInternal, "",
                                               "all ranks ended before the work was done, and "
                                               "nobody had told them to"))
                                   .front());
    return change;
  }

  bool AllReportedGone() const {
    return std::all_of(agents_.begin(), agents_.end(), [&](const std::string& agent) {
      const PartLive* part = Part(agent);
      return part != nullptr && part->gone;
    });
  }

  Updates Advance() const {
    if (attempt_ == nullptr) return {};
    if (job_.state == kAdmitted) {
      const bool all_know = std::all_of(agents_.begin(), agents_.end(), [&](const auto& agent) {
        return Part(agent) != nullptr && Part(agent)->known;
      });
      if (!all_know) return {};
      return {ChangeOf(job_, kStarting, "", "its agents start the ranks", "coordinator")};
    }
    if (job_.state != kStarting) return {};
    for (const auto& [rank, live] : attempt_->ranks) {
      if (live.report.step > live.report.resumed_from || live.report.first_step) {
        return {ChangeOf(job_, kRunning, "", "it makes steps", "coordinator")};
      }
    }
    return {};
  }

  Updates BetterCause() const {
    if (attempt_ == nullptr) return {};
    const std::optional<Cause> found = CauseOf(job_, *attempt_);
    if (!found) return {};
    const std::optional<Cause>& known = job_.current->cause;
    if (known ? !IsBetter(*found, *known) : job_.state == kStopping) return {};
    return {CauseFound{job_.id(), job_.attempt, *found}};
  }

  // The end of the attempt, and what becomes of the job.

  struct Outcome {
    JobState to;
    EndReason reason;
    std::string message;
    Sequel sequel;
  };

  Outcome Judge() const {
    Sequel sequel;
    sequel.restarts = job_.restarts;
    const bool completed =
        (attempt_ != nullptr && AllCompleted(job_, *attempt_)) ||
        (job_.state == kStopping && job_.state_reason == Word(EndReason::kCompleted));
    if (completed) return {kSucceeded, EndReason::kCompleted, "all ranks reached the end", sequel};
    switch (job_.state) {
      case kCancelling:
        return {kCancelled, EndReason::kUserCancelled, job_.message, sequel};
      case kPausing:
        return {kPaused, EndReason::kUserPaused, job_.message, sequel};
      case kCheckpointing:
        ++sequel.restarts.preempt;
        return {kPending, EndReason::kPreempted, job_.message, sequel};
      default:
        return JudgeFailure();
    }
  }

  Outcome JudgeFailure() const {
    const std::optional<Cause>& cause = job_.current->cause;
    LRTI_CHECK(cause.has_value());  // whoever makes it RESTARTING or STOPPING says why
    const Sequel sequel = SequelOf(job_, rules_, cause->reason, now_);
    return {sequel.again ? kPending : kFailed, cause->reason, cause->message, sequel};
  }

  Updates End() const {
    if (Updates better = BetterCause(); !better.empty()) return better;
    const Outcome outcome = Judge();
    AttemptEnded ended;
    ended.job = job_.id();
    ended.attempt = job_.attempt;
    ended.reason = outcome.reason;
    ended.cause = job_.current->cause;
    ended.progress = ProgressOf(live_, job_);
    ended.row = Row(outcome.reason);
    ended.restarts = outcome.sequel.restarts;
    ended.failures_in_row = outcome.sequel.failures_in_row;
    ended.backoff = outcome.sequel.backoff;
    const bool stalled =
        outcome.reason == EndReason::kStalled || outcome.reason == EndReason::kNoProgress;
    if (stalled && attempt_ != nullptr) ended.stalled_step = attempt_->step;
    return {std::move(ended), Change(outcome.to, outcome.reason, outcome.message)};
  }

  LedgerRow Row(EndReason reason) const {
    const AttemptRecord& attempt = *job_.current;
    LedgerRow row;
    row.job = job_.id();
    row.attempt = job_.attempt;
    row.project = job_.submission->project;
    row.user = job_.submission->user;
    row.queue = job_.submission->queue;
    row.model = Model(attempt.ranks.front());
    row.gpus = static_cast<int64_t>(attempt.ranks.size());
    row.begin = attempt.started.wall;
    row.allocated_us = absl::ToInt64Microseconds(
        std::max(now_.steady - attempt.started.steady, absl::ZeroDuration()));
    const bool saved = reason == EndReason::kCompleted || SavedOnOrder();
    const bool stalled = reason == EndReason::kStalled || reason == EndReason::kNoProgress;
    row.split = SplitOf(attempt, saved, stalled,
                        attempt_ == nullptr ? std::nullopt : attempt_->last_step, now_);
    return row;
  }

  /// All ranks ended because they were told to, with a checkpoint.
  bool SavedOnOrder() const {
    return attempt_ != nullptr && AllExited(job_, *attempt_) &&
           std::all_of(attempt_->ranks.begin(), attempt_->ranks.end(), [](const auto& rank) {
             const RankExit& exit = *rank.second.report.exit;
             return exit.end_reason == "STOPPED" && exit.signal == 0 && exit.code == 0;
           });
  }

  std::string Model(const RankPlace& place) const {
    const auto it = book_.agents.find(place.agent);
    if (it == book_.agents.end()) return "";
    for (const DeviceRecord& device : it->second.devices) {
      if (device.uuid == place.device) return device.model;
    }
    return "";
  }

  const Book& book_;
  const Live& live_;
  const Rules& rules_;
  const JobRecord& job_;
  const Moment now_;
  const AttemptLive* attempt_;
  std::set<std::string> agents_;
};

}  // namespace

Updates Settle(const Book& book, const Live& live, const Rules& rules, const JobRecord& job,
               Moment now) {
  if (!job.current) return {};
  return Settling(book, live, rules, job, now).Next();
}

}  // namespace lrti::coordinator
