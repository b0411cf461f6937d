#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lrti::worker {

/// What a trainer is told by its environment, besides what the shim adds (LRTI_EVENT_FD,
/// LRTI_STORE_FD).
struct TrainerFacts {
  std::string job;
  int64_t attempt = 0;
  int64_t restarts = 0;
  int64_t rank = 0;
  int64_t world_size = 1;
  int64_t local_rank = 0;  // among this machine's ranks of the attempt
  int64_t local_world_size = 1;
  std::string rendezvous;  // host:port
  std::string gpu;         // UUID; empty: a slot of the processor
  int64_t cores = 1;       // of this machine
  std::vector<std::string> cache_endpoints;
  std::string cache_token;
};

/// `base`, the agent's own environment, with what a rank must know: the names that torchrun uses,
/// and ours. What would mislead it is taken out of `base`. REQUIRES: `rendezvous` has a port.
std::map<std::string, std::string> TrainerEnvironment(std::map<std::string, std::string> base,
                                                      const TrainerFacts& facts);

/// This process's environment.
std::map<std::string, std::string> OwnEnvironment();

}  // namespace lrti::worker
