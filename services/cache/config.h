#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/schema.h"
#include "services/cache/redis/config.h"

namespace lrti::cache {

struct DataConfig {
  std::string listen = "127.0.0.1:7420";
  std::string socket = "auto";
  int64_t threads = 0;

  static auto Fields() {
    return std::tuple{
        config::Field{"listen", &DataConfig::listen,
                      "HOST:PORT for clients on other hosts, an IP address; port 0: the system "
                      "chooses; empty: none."},
        config::Field{"socket", &DataConfig::socket,
                      "Path of the Unix socket for clients on this host, who read states from "
                      "shared memory; auto: lrti/cache.sock in $XDG_RUNTIME_DIR or else in the "
                      "user's state folder; empty: none."},
        config::Field{"threads", &DataConfig::threads,
                      "Threads that serve clients; 0: one for each processor.",
                      config::Between(0, 256)},
    };
  }
};
static_assert(config::Covered<DataConfig>);

struct PoolConfig {
  int64_t mib = 0;
  int64_t extent_mib = 0;

  static auto Fields() {
    return std::tuple{
        config::Field{"mib", &PoolConfig::mib,
                      "Memory for states, taken at the start; 0: a tenth of what the machine or "
                      "its container has, at most 8192.",
                      config::Between(0, 16 << 20), config::Unit("MiB")},
        config::Field{"extent_mib", &PoolConfig::extent_mib,
                      "What one size of states takes at a time, and the largest state there can "
                      "be; 0: chosen after the pool's size.",
                      config::Between(0, 2048), config::Unit("MiB")},
    };
  }
};
static_assert(config::Covered<PoolConfig>);

enum class JobsMode { kAuto, kOpen, kRegistered };
constexpr auto EnumNames(JobsMode) {
  return std::array{std::pair{JobsMode::kAuto, "auto"}, std::pair{JobsMode::kOpen, "open"},
                    std::pair{JobsMode::kRegistered, "registered"}};
}

struct ListenConfig {
  std::string listen;

  static auto Fields() {
    return std::tuple{config::Field{
        "listen", &ListenConfig::listen,
        "HOST:PORT, an IP address; port 0: the system chooses; empty: do not listen."}};
  }
};
static_assert(config::Covered<ListenConfig>);

/// All that lrti-cache can be told.
struct ProgramConfig {
  DataConfig data;
  PoolConfig pool;
  JobsMode jobs = JobsMode::kAuto;
  ListenConfig control{.listen = "127.0.0.1:7421"};
  ListenConfig http{.listen = "127.0.0.1:7422"};
  RedisConfig redis;
  absl::Duration drain = absl::Seconds(5);
  bool insecure = false;

  static auto Fields() {
    return std::tuple{
        config::Field{"data", &ProgramConfig::data, "Where clients put and get states."},
        config::Field{"pool", &ProgramConfig::pool, "Memory for states."},
        config::Field{"jobs", &ProgramConfig::jobs,
                      "open: the first client of a job sets its token; registered: RegisterJob of "
                      "the control plane does; auto: open where only this host can connect."},
        config::Field{"control", &ProgramConfig::control,
                      "The control plane, gRPC service lrti.v1.Cache."},
        config::Field{"http", &ProgramConfig::http, "/metrics, /livez, /readyz, /version."},
        config::Field{"redis", &ProgramConfig::redis,
                      "The second tier, for states that memory has no room for."},
        config::Field{"drain", &ProgramConfig::drain,
                      "After SIGTERM, clients have so long to leave.",
                      config::Between(absl::ZeroDuration(), absl::Hours(1))},
        config::Field{"insecure", &ProgramConfig::insecure,
                      "Allows listening where other hosts can connect. Traffic is not encrypted, "
                      "and the control plane and HTTP ask for no password."},
    };
  }
};
static_assert(config::Covered<ProgramConfig>);

/// Reads a config: YAML text, then `path=value` overrides, then the rules between fields.
/// Errors: InvalidArgument with every violation at once, one a line.
absl::StatusOr<ProgramConfig> ParseProgramConfig(const std::string& yaml,
                                                 const std::vector<std::string>& overrides);

/// The config's `jobs`, with `auto` decided.
bool OpenJobs(const ProgramConfig& config);

}  // namespace lrti::cache
