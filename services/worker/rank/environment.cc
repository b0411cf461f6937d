#include "services/worker/rank/environment.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_join.h"
#include "common/base/check.h"

namespace lrti::worker {
namespace {

void Set(std::map<std::string, std::string>& variables, const char* name, int64_t value) {
  variables[name] = std::to_string(value);
}

}  // namespace

std::map<std::string, std::string> TrainerEnvironment(std::map<std::string, std::string> base,
                                                      const TrainerFacts& facts) {
  const size_t colon = facts.rendezvous.rfind(':');
  LRTI_CHECK(colon != std::string::npos);
  // Of an agent that is itself run below torchrun or another agent, nothing is passed on.
  std::erase_if(base, [](const auto& variable) {
    return variable.first.starts_with("LRTI_") || variable.first.starts_with("TORCHELASTIC_");
  });
  Set(base, "RANK", facts.rank);
  Set(base, "ROLE_RANK", facts.rank);
  Set(base, "WORLD_SIZE", facts.world_size);
  Set(base, "LOCAL_RANK", facts.local_rank);
  Set(base, "LOCAL_WORLD_SIZE", facts.local_world_size);
  base["MASTER_ADDR"] = facts.rendezvous.substr(0, colon);
  base["MASTER_PORT"] = facts.rendezvous.substr(colon + 1);
  Set(base, "TORCHELASTIC_RESTART_COUNT", facts.restarts);
  base["TORCHELASTIC_RUN_ID"] = facts.job;
  base["LRTI_JOB_ID"] = facts.job;
  Set(base, "LRTI_ATTEMPT", facts.attempt);
  Set(base, "LRTI_EPOCH", facts.attempt);  // what fences off older ones
  base["LRTI_CACHE_ENDPOINTS"] = absl::StrJoin(facts.cache_endpoints, ",");
  base["LRTI_CACHE_TOKEN"] = facts.cache_token;
  base["CUDA_VISIBLE_DEVICES"] = facts.gpu;
  Set(base, "OMP_NUM_THREADS", std::max<int64_t>(1, facts.cores / facts.local_world_size));
  // Ranks on slots share the processor: a thread that spins while it waits takes another's time.
  if (facts.gpu.empty()) base.try_emplace("OMP_WAIT_POLICY", "PASSIVE");
  return base;
}

std::map<std::string, std::string> OwnEnvironment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return variables;
}

}  // namespace lrti::worker
