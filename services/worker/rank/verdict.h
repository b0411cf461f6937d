#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/worker/rank/rank_events.h"
#include "services/worker/rank/rank_processes.h"

namespace lrti::worker {

/// The word for a rank that ended because it was asked to, in place of an end reason.
inline constexpr const char* kStopped = "STOPPED";

/// Why the agent itself ends an attempt.
struct Cause {
  std::string end_reason = kStopped;  // LOG_QUOTA_EXCEEDED where that is it
  std::string text;                   // "the coordinator asked for it"
};

/// How a rank ended, in the words of common/lifecycle/end_reason.h or kStopped.
struct Verdict {
  std::string end_reason;
  std::string message;  // one line
};

/// Judges by what is certain, in this order: the exit record, what the trainer said last, who sent
/// the signal. A plain function. REQUIRES: `sight` has an exit record, or the rank is gone.
Verdict JudgeExit(const RankSight& sight, const RankEvents& events,
                  const std::optional<Cause>& cause, const std::vector<std::string>& last_lines);

/// The verdict again, where the driver reported faults of the rank's GPU while it ran: GPU_XID when
/// the GPU is to blame (device/xid.h), else with the faults in its message.
Verdict WithXids(Verdict verdict, const std::string& device, const std::vector<uint64_t>& xids);

/// "signal 9 (SIGKILL)".
std::string SignalText(int64_t signal);

}  // namespace lrti::worker
