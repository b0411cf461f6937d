#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/time/time.h"
#include "common/config/schema.h"

namespace lrti::job {

enum class CacheMode { kMemory, kService };
constexpr auto EnumNames(CacheMode) {
  return std::array{std::pair{CacheMode::kMemory, "memory"},
                    std::pair{CacheMode::kService, "service"}};
}

enum class StateDtype { kAuto, kFp32, kBf16, kFp16, kInt8 };
constexpr auto EnumNames(StateDtype) {
  return std::array{std::pair{StateDtype::kAuto, "auto"}, std::pair{StateDtype::kFp32, "fp32"},
                    std::pair{StateDtype::kBf16, "bf16"}, std::pair{StateDtype::kFp16, "fp16"},
                    std::pair{StateDtype::kInt8, "int8"}};
}

/// Where the states of long passes are kept.
struct CacheConfig {
  CacheMode mode = CacheMode::kMemory;
  StateDtype dtype = StateDtype::kAuto;
  int64_t staleness_steps_max = -1;
  int64_t memory_mib = 4096;
  std::vector<std::string> endpoints;
  std::string share;
  absl::Duration deadline = absl::Milliseconds(200);

  static auto Fields() {
    return std::tuple{
        config::Field{"mode", &CacheConfig::mode,
                      "memory: inside the trainer's process. service: in the nodes of `endpoints` "
                      "(lrti-cache); what they lose or do not give in time is recomputed."},
        config::Field{
            "dtype", &CacheConfig::dtype,
            "Number format of stored states. auto: bf16 with mode service, fp32 with mode memory. "
            "fp32 is exact; bf16 and fp16 take half the size, int8, with a scale for each channel, "
            "a quarter. A state with values that "
            "fp16 or int8 cannot hold is stored as bf16 or fp32."},
        config::Field{"staleness_steps_max", &CacheConfig::staleness_steps_max,
                      "A state computed more steps ago is recomputed; -1: none is too old.",
                      config::AtLeast(-1), config::Unit("steps")},
        config::Field{"memory_mib", &CacheConfig::memory_mib,
                      "Most memory that states may take with mode memory; beyond it they are "
                      "recomputed.",
                      config::AtLeast(1), config::Unit("MiB")},
        config::Field{"endpoints", &CacheConfig::endpoints,
                      "Nodes of mode service: tcp://host:port, unix:/path, or both for a node on "
                      "this host, tcp://host:port+unix:/path. Empty: those of the environment "
                      "variable LRTI_CACHE_ENDPOINTS, separated by commas, as a coordinator sets "
                      "it. The job's token is read from LRTI_CACHE_TOKEN."},
        config::Field{"share", &CacheConfig::share,
                      "Name under which trainers of the same job share their states in mode "
                      "service; empty: a run's states are its own and end with it."},
        config::Field{"deadline", &CacheConfig::deadline,
                      "Longest wait for a state in mode service; beyond it, it is recomputed.",
                      config::AtLeast(absl::Milliseconds(1))},
    };
  }
};
static_assert(config::Covered<CacheConfig>);

struct RestartBudget {
  int64_t infra = 10;
  int64_t user = 0;

  static auto Fields() {
    return std::tuple{
        config::Field{"infra", &RestartBudget::infra,
                      "Restarts after a failure of the cluster (node, GPU, network).",
                      config::AtLeast(0)},
        config::Field{"user", &RestartBudget::user, "Restarts after a failure of the job itself.",
                      config::AtLeast(0)},
    };
  }
};
static_assert(config::Covered<RestartBudget>);

/// What the coordinator schedules by; `lrti-vsr train` on its own machine does not look at it.
struct ResourcesConfig {
  int64_t gpus = 1;
  int64_t gpus_min = 0;
  std::string queue = "default";
  int64_t priority = 50;
  RestartBudget max_restarts;

  static auto Fields() {
    return std::tuple{
        config::Field{"gpus", &ResourcesConfig::gpus,
                      "GPUs, one rank each, all or none. Divides spec.train.global_batch.",
                      config::Between(1, 4096), config::Unit("GPUs")},
        config::Field{"gpus_min", &ResourcesConfig::gpus_min,
                      "Fewest GPUs the job runs with: while `gpus` of them are not free, the "
                      "coordinator starts it with fewer, and restarts it when the count can "
                      "change. A count that does not divide spec.train.global_batch is not used. "
                      "0: the same as `gpus`.",
                      config::Between(0, 4096), config::Unit("GPUs")},
        config::Field{"queue", &ResourcesConfig::queue,
                      "Queue whose quota the job counts against."},
        config::Field{"priority", &ResourcesConfig::priority, "Higher runs first.",
                      config::Between(0, 100)},
        config::Field{"max_restarts", &ResourcesConfig::max_restarts, "Restart budgets by cause."},
    };
  }
};
static_assert(config::Covered<ResourcesConfig>);

}  // namespace lrti::job
