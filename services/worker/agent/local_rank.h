#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/worker/rank/event_tail.h"
#include "services/worker/rank/rank_events.h"
#include "services/worker/rank/rank_processes.h"
#include "services/worker/rank/spool.h"
#include "services/worker/rank/stall.h"
#include "services/worker/rank/verdict.h"

namespace lrti::v1 {
class RankReport;
}

namespace lrti::worker {

/// One rank of an attempt on this machine, from before its start until nothing of it is left. Not
/// thread-safe; `now` is steady time.
class LocalRank {
 public:
  /// A rank whose launch.json is there was started earlier, maybe by another agent process.
  LocalRank(int64_t rank, std::string device, const std::string& folder, absl::Duration now);

  /// Starts it. REQUIRES: !launched(). Errors: as RankProcesses::Start; it may be tried again.
  absl::Status Launch(RankProcesses& processes, const LaunchRecord& launch, int store_fd,
                      absl::Duration now, absl::Time wall);

  /// It ends without ever having been started. REQUIRES: !launched().
  void Fail(const Verdict& verdict, absl::Time wall);

  /// Looks at its processes and reads its events; judges it once it has ended.
  void Observe(RankProcesses& processes, const std::optional<Cause>& cause, absl::Duration now,
               absl::Time wall);

  /// The driver reported a fault of its GPU. Whether the rank cannot go on there.
  bool NoteXid(uint64_t xid);

  /// Passes a signal on to a trainer that runs.
  void Signal(RankProcesses& processes, int signal);

  int64_t rank() const { return rank_; }
  const std::string& device() const { return device_; }
  const RankFiles& files() const { return files_; }
  const RankPulse& pulse() const { return pulse_; }
  bool launched() const { return launched_; }
  /// The trainer is known to the system: a signal reaches it.
  bool reachable() const { return sight_.pids.has_value(); }
  bool exited() const { return verdict_.has_value(); }
  /// It ended, and neither as it should nor because it was asked to.
  bool failed() const;
  const Verdict& verdict() const { return *verdict_; }  // REQUIRES: exited()
  int64_t exit_code() const { return exit_.signal == 0 ? exit_.code : -1; }
  bool gone() const { return gone_; }
  std::vector<int64_t> Pids() const;
  uint64_t LogBytes() const;

  void Report(absl::Duration now, v1::RankReport& report) const;

 private:
  void Judge(const std::optional<Cause>& cause, absl::Time wall);
  void ReportExit(v1::RankReport& report) const;

  const int64_t rank_;
  const std::string device_;
  const RankFiles files_;
  bool launched_;
  absl::Time spawned_ = absl::InfinitePast();
  EventTail tail_;
  RankEvents events_;
  RankPulse pulse_;
  RankSight sight_;
  std::vector<uint64_t> xids_;  // the first ones, while it ran
  std::optional<Verdict> verdict_;
  ExitRecord exit_;
  std::vector<std::string> last_lines_;
  bool gone_ = false;
};

}  // namespace lrti::worker
