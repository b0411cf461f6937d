#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace lrti::bench {

struct SubmitLoad {
  std::string coordinator;
  int64_t jobs = 1000;
  int64_t threads = 16;
  double rate = 0;   // jobs a second, all threads together; 0: as fast as it goes
  int64_t gpus = 8;  // of each job
  bool hold = false;
};

/// Submits jobs; answers rate and latencies. Errors: of the first call that fails.
absl::StatusOr<nlohmann::json> RunSubmit(const SubmitLoad& load);

struct AgentLoad {
  std::string coordinator;
  int64_t agents = 1000;
  int64_t devices = 8;
  int64_t threads = 32;
  double seconds = 20;
};

/// Agents that report once a second, and pretend to run what they are told to.
absl::StatusOr<nlohmann::json> RunAgents(const AgentLoad& load);

}  // namespace lrti::bench
