#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/coordinator/state/book.h"
#include "services/coordinator/state/live.h"
#include "services/coordinator/state/rules.h"

namespace lrti::coordinator {

enum class Order : uint8_t { kRun, kStop, kKill };

/// As Assignment in proto/lrti/v1/worker.proto; what is of all ranks alike stands in `submission`.
struct Assignment {
  std::shared_ptr<const Submission> submission;  // job, config, run_dir, name
  int64_t attempt = 0;
  Order order = Order::kRun;
  absl::Duration grace;
  int64_t world_size = 0;
  std::vector<RankPlace> ranks;  // those on this agent
  std::string rendezvous;        // empty: rank 0 is here, or has not said it yet
  int64_t restarts = 0;
};

/// All attempts that shall be on the agent.
std::vector<Assignment> AssignmentsOf(const Book& book, const Live& live, const Rules& rules,
                                      const std::string& agent);

}  // namespace lrti::coordinator
