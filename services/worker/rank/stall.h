#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/worker/rank/rank_events.h"

namespace lrti::worker {

/// How long things may take before a rank counts as standing still.
struct StallLimits {
  absl::Duration heartbeat = absl::Seconds(15);  // between two of them
  absl::Duration step_least = absl::Seconds(30);
  double step_factor = 3;  // times the 99th percentile of the attempt's own steps
  absl::Duration starting = absl::Minutes(10);
  absl::Duration loading = absl::Minutes(10);  // and for a step, with none to compare it with
  absl::Duration long_pass = absl::Minutes(30);
  absl::Duration evaluating = absl::Hours(1);
  absl::Duration checkpointing = absl::Minutes(15);
  absl::Duration finishing = absl::Minutes(15);
};

/// Watches one rank's progress. A plain value; `now` is steady time.
///
/// The clock of a limit begins at the last sign of progress: a step, or a phase of another kind. So
/// an evaluation does not count as a long step, and a limit is the phase's own.
class RankPulse {
 public:
  explicit RankPulse(absl::Duration spawned) : spawned_(spawned), kind_at_(spawned) {}

  /// To be called after every reading of the rank's events.
  void Observe(const RankEvents& events, absl::Duration now);

  /// How long the heartbeat is overdue: silent for longer than the limit, since it began.
  std::optional<absl::Duration> Silence(absl::Duration now, const StallLimits& limits) const;

  /// Since when there is no progress, if that is too long ago and not for waiting for others.
  std::optional<absl::Duration> StandsStill(absl::Duration now, const StallLimits& limits) const;

  int64_t step() const { return step_; }
  const std::string& phase() const { return phase_; }

 private:
  enum class Kind {
    kStarting,
    kLoading,
    kTraining,
    kLongPass,
    kWaiting,
    kEvaluating,
    kCheckpointing,
    kFinishing
  };
  static Kind KindOf(const std::string& phase);
  absl::Duration StepLimit(const StallLimits& limits) const;
  absl::Duration LimitOf(Kind kind, const StallLimits& limits) const;

  absl::Duration spawned_;
  std::optional<absl::Duration> heartbeat_at_;
  std::string phase_ = "starting";
  Kind kind_ = Kind::kStarting;
  absl::Duration kind_at_;
  int64_t step_ = 0;
  std::optional<absl::Duration> step_at_;
  bool only_trained_ = false;         // since step_at_
  std::deque<absl::Duration> steps_;  // times of the last ones
};

/// A rank of an attempt, for a verdict.
struct WatchedRank {
  int64_t rank = 0;
  std::string device;
  const RankPulse* pulse = nullptr;
};

struct StallVerdict {
  int64_t rank = 0;  // the culprit
  std::string text;
};

/// Which of the ranks on this machine holds up the others, if one does: first one without heartbeat
/// (its process is stopped), then the one that stands still for longest.
std::optional<StallVerdict> FindStall(const std::vector<WatchedRank>& ranks,
                                      const std::string& machine, const StallLimits& limits,
                                      absl::Duration now);

}  // namespace lrti::worker
