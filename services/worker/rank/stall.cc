#include "services/worker/rank/stall.h"

#include <algorithm>

#include "fmt/format.h"

namespace lrti::worker {
namespace {

constexpr size_t kStepsKept = 256;

// The 99th percentile. REQUIRES: there are times.
absl::Duration Slowest(const std::deque<absl::Duration>& times) {
  std::vector<absl::Duration> sorted(times.begin(), times.end());
  const size_t place = sorted.size() * 99 / 100;
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(place);
  std::nth_element(sorted.begin(), at, sorted.end());
  return *at;
}

std::string Describe(const WatchedRank& rank) {
  return fmt::format("rank {} in {} at step {}", rank.rank, rank.pulse->phase(),
                     rank.pulse->step());
}

std::string Seconds(absl::Duration time) {
  return fmt::format("{:.0f} s", absl::ToDoubleSeconds(time));
}

StallVerdict Blame(const WatchedRank& culprit, const std::string& what,
                   const std::vector<WatchedRank>& ranks, const std::string& machine) {
  constexpr size_t kOthersNamed = 15;
  std::string text =
      fmt::format("rank {} on host {} ({}): {}, last step {}, phase {}", culprit.rank, machine,
                  culprit.device, what, culprit.pulse->step(), culprit.pulse->phase());
  size_t named = 0;
  for (const WatchedRank& other : ranks) {
    if (other.rank == culprit.rank || named == kOthersNamed) continue;
    text += (named++ == 0 ? "; others here: " : ", ") + Describe(other);
  }
  return {.rank = culprit.rank, .text = text};
}

}  // namespace

void RankPulse::Observe(const RankEvents& events, absl::Duration now) {
  heartbeat_at_ = events.heartbeat_at;
  phase_ = events.phase;
  const Kind kind = KindOf(phase_);
  if (kind != kind_) {
    kind_ = kind;
    kind_at_ = now;
  }
  // Only steps say how long a step takes: one with an evaluation in it does not.
  const bool trains = kind == Kind::kTraining || kind == Kind::kWaiting || kind == Kind::kLongPass;
  only_trained_ = only_trained_ && trains;
  if (events.step > step_) {
    if (step_at_ && only_trained_) {
      steps_.push_back((now - *step_at_) / static_cast<double>(events.step - step_));
      if (steps_.size() > kStepsKept) steps_.pop_front();
    }
    step_ = events.step;
    step_at_ = now;
    only_trained_ = trains;
  }
}

std::optional<absl::Duration> RankPulse::Silence(absl::Duration now,
                                                 const StallLimits& limits) const {
  const absl::Duration limit = heartbeat_at_ ? limits.heartbeat : limits.starting;
  const absl::Duration silence = now - heartbeat_at_.value_or(spawned_);
  return silence > limit ? std::optional(silence) : std::nullopt;
}

std::optional<absl::Duration> RankPulse::StandsStill(absl::Duration now,
                                                     const StallLimits& limits) const {
  if (kind_ == Kind::kWaiting) return std::nullopt;
  const absl::Duration age = now - std::max(kind_at_, step_at_.value_or(kind_at_));
  return age > LimitOf(kind_, limits) ? std::optional(age) : std::nullopt;
}

RankPulse::Kind RankPulse::KindOf(const std::string& phase) {
  if (phase == "starting") return Kind::kStarting;
  if (phase == "loading") return Kind::kLoading;
  if (phase == "long_pass") return Kind::kLongPass;
  if (phase == "waiting") return Kind::kWaiting;
  if (phase == "evaluating") return Kind::kEvaluating;
  if (phase == "checkpointing") return Kind::kCheckpointing;
  if (phase == "finishing") return Kind::kFinishing;
  return Kind::kTraining;
}

absl::Duration RankPulse::StepLimit(const StallLimits& limits) const {
  // A job of slow steps is healthy, too.
  if (steps_.empty()) return std::max(limits.step_least, limits.loading);
  return std::max(limits.step_least, limits.step_factor * Slowest(steps_));
}

absl::Duration RankPulse::LimitOf(Kind kind, const StallLimits& limits) const {
  switch (kind) {
    case Kind::kStarting:
      return limits.starting;
    case Kind::kLoading:
      return limits.loading;
    case Kind::kLongPass:
      return std::max(limits.long_pass, StepLimit(limits));
    case Kind::kEvaluating:
      return limits.evaluating;
    case Kind::kCheckpointing:
      return limits.checkpointing;
    case Kind::kFinishing:
      return limits.finishing;
    case Kind::kTraining:
      return StepLimit(limits);
    case Kind::kWaiting:
      return absl::InfiniteDuration();
  }
  return absl::InfiniteDuration();
}

std::optional<StallVerdict> FindStall(const std::vector<WatchedRank>& ranks,
                                      const std::string& machine, const StallLimits& limits,
                                      absl::Duration now) {
  const WatchedRank* culprit = nullptr;
  absl::Duration longest;
  for (const WatchedRank& rank : ranks) {
    const auto silence = rank.pulse->Silence(now, limits);
    if (silence && (culprit == nullptr || *silence > longest)) {
      culprit = &rank;
      longest = *silence;
    }
  }
  if (culprit != nullptr) {
    return Blame(*culprit, "no heartbeat for " + Seconds(longest), ranks, machine);
  }
  for (const WatchedRank& rank : ranks) {
    const auto age = rank.pulse->StandsStill(now, limits);
    if (age && (culprit == nullptr || *age > longest)) {
      culprit = &rank;
      longest = *age;
    }
  }
  if (culprit == nullptr) return std::nullopt;
  return Blame(*culprit, "no progress for " + Seconds(longest), ranks, machine);
}

}  // namespace lrti::worker
