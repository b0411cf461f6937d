#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "services/worker/device/device_table.h"
#include "services/worker/rank/preflight.h"
#include "services/worker/rank/rank_processes.h"
#include "services/worker/rank/spool.h"
#include "services/worker/rank/stall.h"

namespace lrti::worker {

struct AgentSettings {
  std::string name;                   // of this machine, among all agents
  std::string address = "127.0.0.1";  // where ranks on other machines reach this one
  std::string version;
  std::string trainer;  // path of lrti-vsr
  bool gpus = false;
  int64_t cores = 1;
  DeviceLimits devices;
  StallLimits stall;
  // When a rank has lost a peer, the others have so long to say what happened to them.
  absl::Duration peer_grace = absl::Seconds(5);
  absl::Duration stop_grace = absl::Minutes(2);  // to save, where nobody says how long
  absl::Duration orphan_grace = absl::Hours(24);
  uint64_t log_bytes_max = uint64_t{1} << 30;  // of an attempt's ranks here
  uint64_t spool_free_bytes_min = uint64_t{256} << 20;
};

/// What an agent works with; all of it outlives the agent.
struct Machine {
  const AgentSettings& settings;
  const Spool& spool;
  RankProcesses& processes;
  Inventory& inventory;
  const Clock& clock;
  std::function<void(const std::string&)> warn;  // tells an operator
};

}  // namespace lrti::worker
