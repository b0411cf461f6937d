#include "services/coordinator/state/verdict.h"

#include <algorithm>
#include <csignal>
#include <tuple>

#include "common/base/hash.h"
#include "common/base/random.h"
#include "fmt/format.h"
#include "services/coordinator/state/text.h"

namespace lrti::coordinator {
namespace {

constexpr size_t kMessageBytesMax = 1024;
constexpr size_t kLastLinesBytesMax = 4096;
constexpr absl::Duration kHeartbeatOld = absl::Seconds(10);

bool IsHardware(EndReason reason) {
  return reason == EndReason::kOomHost || reason == EndReason::kOomGpu ||
         reason == EndReason::kGpuXid;
}

EndReason ReasonOf(const RankExit& exit) {
  const auto reason = lifecycle::ValueIn(lifecycle::kEndReasons, exit.end_reason);
  if (!reason) return EndReason::kInternal;
  const EndClass kind = lifecycle::FactsOf(*reason).kind;
  return kind == EndClass::kDone || kind == EndClass::kPreempt ? EndReason::kInternal : *reason;
}

bool IsFailure(const RankLive& rank) {
  if (!rank.report.exit) return false;
  const RankExit& exit = *rank.report.exit;
  if (exit.end_reason == "COMPLETED" || exit.end_reason == "STOPPED") return false;
  const bool was_killed = exit.signal == SIGKILL || exit.signal == SIGTERM;
  return !(rank.ended_on_order && was_killed) || IsHardware(ReasonOf(exit));
}

auto KeyOf(const Cause& cause) {
  return std::tuple(cause.reason == EndReason::kNcclError, cause.time, cause.rank);
}

std::string LastLines(const RankExit& exit) {
  std::string text;
  for (auto line = exit.last_lines.rbegin(); line != exit.last_lines.rend(); ++line) {
    const std::string clean = CleanLine(*line, 1024);
    if (text.size() + clean.size() + 1 > kLastLinesBytesMax) break;
    text = text.empty() ? clean : clean + "\n" + text;
  }
  return text;
}

Cause CauseOfRank(const RankPlace& place, const RankExit& exit) {
  Cause cause;
  cause.reason = ReasonOf(exit);
  cause.rank = place.rank;
  cause.agent = place.agent;
  const std::string said = !exit.message.empty() ? exit.message
                           : exit.signal != 0    ? fmt::format("killed by signal {}", exit.signal)
                                                 : fmt::format("exit code {}", exit.code);
  cause.message =
      CleanLine(fmt::format("rank {} on {}: {}", place.rank, place.agent, said), kMessageBytesMax);
  cause.last_lines = LastLines(exit);
  cause.time = Micros(exit.time);
  return cause;
}

const RankPlace& PlaceOf(const JobRecord& job, int64_t rank) {
  return job.current->ranks[static_cast<size_t>(rank)];
}

}  // namespace

std::optional<Cause> CauseOf(const JobRecord& job, const AttemptLive& attempt) {
  std::optional<Cause> best;
  for (const auto& [rank, live] : attempt.ranks) {
    if (!IsFailure(live)) continue;
    Cause cause = CauseOfRank(PlaceOf(job, rank), *live.report.exit);
    if (!best || IsBetter(cause, *best)) best = std::move(cause);
  }
  return best;
}

bool IsBetter(const Cause& found, const Cause& known) {
  // What no rank's exit tells (a stall, a lost agent) made the others exit.
  if (known.rank < 0 || known.reason == EndReason::kStalled ||
      known.reason == EndReason::kNoProgress) {
    return false;
  }
  return KeyOf(found) < KeyOf(known);
}

bool AllExited(const JobRecord& job, const AttemptLive& attempt) {
  return attempt.ranks.size() == job.current->ranks.size() &&
         std::all_of(attempt.ranks.begin(), attempt.ranks.end(),
                     [](const auto& rank) { return rank.second.report.exit.has_value(); });
}

bool AllCompleted(const JobRecord& job, const AttemptLive& attempt) {
  return AllExited(job, attempt) &&
         std::all_of(attempt.ranks.begin(), attempt.ranks.end(), [](const auto& rank) {
           return rank.second.report.exit->end_reason == "COMPLETED";
         });
}

Cause StallCause(const JobRecord& job, const AttemptLive& attempt, Moment now) {
  const StallReport& stall = *attempt.stall;
  int64_t culprit = stall.rank;
  const auto badness = [](const RankReport& report) {
    return std::tuple(
        report.heartbeat_age > kHeartbeatOld ? report.heartbeat_age : absl::ZeroDuration(),
        -report.step);
  };
  for (const auto& [rank, live] : attempt.ranks) {
    const auto named = attempt.ranks.find(culprit);
    if (named == attempt.ranks.end()) break;
    if (badness(live.report) > badness(named->second.report)) culprit = rank;
  }
  Cause cause;
  cause.reason = job.stalled_step == attempt.step ? EndReason::kNoProgress : EndReason::kStalled;
  cause.time = now.wall;
  if (culprit < 0 || culprit >= static_cast<int64_t>(job.current->ranks.size())) {
    cause.message = CleanLine(stall.verdict, kMessageBytesMax);
    return cause;
  }
  cause.rank = culprit;
  cause.agent = PlaceOf(job, culprit).agent;
  cause.message = CleanLine(stall.verdict, kMessageBytesMax);
  if (culprit != stall.rank) {
    const RankReport& report = attempt.ranks.at(culprit).report;
    cause.message = CleanLine(
        fmt::format("rank {} on {} is at step {}, without heartbeat for {} s; others wait for it: "
                    "{}",
                    culprit, cause.agent, report.step, absl::ToInt64Seconds(report.heartbeat_age),
                    stall.verdict),
        kMessageBytesMax);
  }
  return cause;
}

Sequel SequelOf(const JobRecord& job, const Rules& rules, EndReason reason, Moment now) {
  Sequel sequel;
  sequel.restarts = job.restarts;
  const lifecycle::EndReasonFacts& facts = lifecycle::FactsOf(reason);
  const bool user = facts.kind == EndClass::kUser;
  int64_t& spent = user ? sequel.restarts.user : sequel.restarts.infra;
  const int64_t budget = user ? job.submission->user_max : job.submission->infra_max;
  sequel.again = facts.restarts && spent < budget;
  const AttemptRecord& attempt = *job.current;
  const bool healthy =
      attempt.checkpoint ||
      (attempt.running && now.steady - attempt.running->steady >= rules.healthy_run);
  sequel.failures_in_row = healthy ? 1 : job.failures_in_row + 1;
  if (!sequel.again) return sequel;
  ++spent;
  sequel.backoff = BackoffOf(rules, job.id(), job.attempt, sequel.failures_in_row);
  return sequel;
}

absl::Duration BackoffOf(const Rules& rules, const std::string& job, int64_t attempt,
                         int64_t failures_in_row) {
  absl::Duration delay = rules.backoff_first;
  for (int64_t i = 1; i < failures_in_row && delay < rules.backoff_max; ++i) delay *= 2;
  Random random{Fnv1a64(job), static_cast<uint64_t>(attempt)};
  const double jitter = 0.75 + 0.5 * static_cast<double>(random.Below(1000)) / 1000;
  return Micros(std::min(delay, rules.backoff_max) * jitter);
}

LeaseSplit SplitOf(const AttemptRecord& attempt, bool saved, bool stalled,
                   std::optional<Moment> last_step, Moment end) {
  const auto micros = [&](absl::Duration time) { return absl::ToInt64Microseconds(time); };
  const int64_t begun = micros(attempt.started.steady);
  const int64_t ended = std::max(begun, micros(end.steady));
  const auto within = [&](const std::optional<Moment>& moment, int64_t low, int64_t otherwise) {
    return moment ? std::clamp(micros(moment->steady), low, ended) : otherwise;
  };
  const int64_t stopping = within(attempt.stopping, begun, ended);
  const int64_t running = std::min(stopping, within(attempt.running, begun, stopping));
  int64_t useful_until = stopping;
  int64_t stepped_until = stopping;
  if (!saved) {
    useful_until = std::min(stopping, within(attempt.checkpoint, running, running));
    if (stalled) stepped_until = std::min(stopping, within(last_step, useful_until, stopping));
  }
  LeaseSplit split;
  split.productive_us = useful_until - running;
  split.wasted_us[static_cast<size_t>(Waste::kStartup)] = running - begun;
  split.wasted_us[static_cast<size_t>(Waste::kRework)] = stepped_until - useful_until;
  split.wasted_us[static_cast<size_t>(Waste::kStalled)] = stopping - stepped_until;
  split.wasted_us[static_cast<size_t>(Waste::kTeardown)] = ended - stopping;
  return split;
}

}  // namespace lrti::coordinator
