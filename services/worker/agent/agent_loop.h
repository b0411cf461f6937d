#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/worker/agent/agent.h"
#include "services/worker/agent/agents_client.h"
#include "services/worker/agent/machine.h"

namespace lrti::worker {

/// What an agent counts and sees, for its metrics.
struct AgentStats {
  uint64_t devices_free = 0;
  uint64_t devices_allocated = 0;
  uint64_t devices_leaked = 0;
  uint64_t attempts = 0;
  uint64_t ranks_running = 0;
  uint64_t syncs = 0;
  uint64_t syncs_failed = 0;
  uint64_t log_bytes = 0;                                // taken by the coordinator
  uint64_t spool_bytes = 0;                              // not yet
  absl::Duration answer_age = absl::InfiniteDuration();  // since the coordinator's last answer
  std::string trouble;
  XidCounts xids;
  absl::Status link;  // of the last call
};

/// An agent at work: one thread looks after the ranks, one talks to the coordinator, one ships the
/// spool. So neither a slow disk nor a coordinator that is away holds up the others. Thread-safe.
class AgentLoop {
 public:
  struct Options {
    absl::Duration tick = absl::Milliseconds(100);
    absl::Duration ship = absl::Milliseconds(250);
    uint64_t incarnation = 0;
    /// Called once, by any thread, when a newer agent of the same name has taken over.
    std::function<void()> replaced;
  };

  /// Adopts what is in the spool, and begins. `client` outlives it. Errors: as Agent::Adopt.
  static absl::StatusOr<std::unique_ptr<AgentLoop>> Start(Machine machine, AgentsClient& client,
                                                          Options options);

  /// Ends the threads. Ranks go on.
  ~AgentLoop();
  AgentLoop(const AgentLoop&) = delete;
  AgentLoop& operator=(const AgentLoop&) = delete;

  /// Tells the coordinator that nothing more is wanted. With `stop_ranks`, has all ranks save and
  /// end, and waits for that; for at most `longest` in all. Whether it came to its end.
  bool Drain(bool stop_ranks, absl::Duration longest);

  AgentStats GetStats() const;

 private:
  struct Parts;
  explicit AgentLoop(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace lrti::worker
