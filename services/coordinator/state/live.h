#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "common/lifecycle/pending_reason.h"
#include "services/coordinator/state/moment.h"
#include "services/coordinator/state/report.h"

namespace lrti::coordinator {

/// A rank as its agent last told it.
struct RankLive {
  RankReport report;            // exit.last_lines are kept short
  bool ended_on_order = false;  // its exit came after the attempt was told to end
};

/// One agent's part of an attempt.
struct PartLive {
  bool known = false;                           // the agent has listed the attempt
  bool gone = false;                            // nothing of it is left there
  std::optional<absl::Duration> missing_since;  // steady; the agent stopped listing it
};

/// The attempt that runs, as its agents tell it. Only ranks where they were placed count.
struct AttemptLive {
  int64_t attempt = 0;
  std::map<int64_t, RankLive> ranks;
  std::map<std::string, PartLive> parts;  // by agent
  std::string rendezvous;
  std::optional<StallReport> stall;
  int64_t step = 0;                 // the greatest seen
  std::optional<Moment> last_step;  // when it grew last
};

struct DeviceLive {
  std::string uuid;
  uint64_t memory_used_bytes = 0;
  std::string state;
};

struct AgentLive {
  Moment last_seen;
  std::vector<DeviceLive> devices;  // as in AgentRecord::devices
  bool draining = false;
  std::string trouble;
};

/// What agents said since the coordinator started. Not journalled: they say it again.
struct Live {
  absl::Duration began;  // steady; nobody listened before, so agents have their lease from then on
  std::map<std::string, AgentLive> agents;
  std::unordered_map<std::string, AttemptLive> attempts;              // by job
  std::unordered_map<std::string, lifecycle::PendingReason> waiting;  // by job, of the last cycle
};

/// The live attempt if it is the record's own, else nullptr.
const AttemptLive* FindAttempt(const Live& live, const std::string& job, int64_t attempt);

/// How long the agent has said nothing to a coordinator that listened: from `began` at the
/// earliest.
absl::Duration SilenceOf(const Live& live, const std::string& agent, Moment now);

}  // namespace lrti::coordinator
