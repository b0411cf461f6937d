#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/schema.h"
#include "common/rpc/security.h"
#include "services/coordinator/state/rules.h"

namespace lrti::coordinator {

struct QueueConfig {
  std::string name;
  int64_t gpus_max = 0;

  static auto Fields() {
    return std::tuple{
        config::Field{"name", &QueueConfig::name, "What jobs call it in spec.resources.queue.",
                      config::Required()},
        config::Field{"gpus_max", &QueueConfig::gpus_max,
                      "GPUs that its jobs may hold together; 0: no limit.",
                      config::Between(0, 1 << 20), config::Unit("GPUs")},
    };
  }
};
static_assert(config::Covered<QueueConfig>);

struct AgentsConfig {
  absl::Duration period = absl::Seconds(1);
  absl::Duration lease = absl::Seconds(10);
  absl::Duration lost_grace = absl::Seconds(60);
  absl::Duration start_timeout = absl::Minutes(10);

  static auto Fields() {
    return std::tuple{
        config::Field{"period", &AgentsConfig::period, "Agents report so often.",
                      config::Between(absl::Milliseconds(50), absl::Minutes(1))},
        config::Field{"lease", &AgentsConfig::lease,
                      "An agent that is silent for so long is lost, and gets no new job.",
                      config::Between(absl::Milliseconds(200), absl::Hours(1))},
        config::Field{"lost_grace", &AgentsConfig::lost_grace,
                      "The jobs of an agent that is silent for so long restart elsewhere.",
                      config::Between(absl::Milliseconds(200), absl::Hours(48))},
        config::Field{"start_timeout", &AgentsConfig::start_timeout,
                      "All ranks of a job must have started after so long.",
                      config::Between(absl::Seconds(1), absl::Hours(24))},
    };
  }
};
static_assert(config::Covered<AgentsConfig>);

struct JobsConfig {
  std::string runs;
  int64_t waiting_max = 100'000;
  int64_t log_mib_max = 1024;
  absl::Duration backoff_first = absl::Seconds(1);
  absl::Duration backoff_max = absl::Minutes(5);

  static auto Fields() {
    return std::tuple{
        config::Field{"runs", &JobsConfig::runs,
                      "Folder of run directories, one for each job, that all agents see under "
                      "this name; empty: runs in the state folder."},
        config::Field{"waiting_max", &JobsConfig::waiting_max,
                      "Jobs that may wait; more are refused.", config::Between(1, 1'000'000)},
        config::Field{"log_mib_max", &JobsConfig::log_mib_max,
                      "Most that is kept of what one rank writes in one attempt.",
                      config::Between(1, 1 << 20), config::Unit("MiB")},
        config::Field{"backoff_first", &JobsConfig::backoff_first,
                      "Wait before a failed job's first restart; it doubles with each failure.",
                      config::Between(absl::ZeroDuration(), absl::Hours(1))},
        config::Field{"backoff_max", &JobsConfig::backoff_max, "Longest such wait.",
                      config::Between(absl::ZeroDuration(), absl::Hours(24))},
    };
  }
};
static_assert(config::Covered<JobsConfig>);

/// All that lrti-coordinator can be told.
struct ProgramConfig {
  std::string listen = "127.0.0.1:7430";
  std::string http = "127.0.0.1:7431";
  std::string state;
  std::vector<std::string> cache;
  std::vector<QueueConfig> queues;
  AgentsConfig agents;
  JobsConfig jobs;
  rpc::Security security;
  std::string tokens;
  bool insecure = false;

  static auto Fields() {
    return std::tuple{
        config::Field{"listen", &ProgramConfig::listen,
                      "HOST:PORT of the gRPC services, an IP address; port 0: the system chooses."},
        config::Field{"http", &ProgramConfig::http,
                      "HOST:PORT of /metrics, /livez, /readyz, /version; empty: none."},
        config::Field{
            "state", &ProgramConfig::state,
            "Folder of the journal, logs and the audit; empty: coordinator in $LRTI_STATE, "
            "else lrti/coordinator in $XDG_STATE_HOME or ~/.local/state."},
        config::Field{"cache", &ProgramConfig::cache,
                      "Nodes of lrti-cache for jobs that name none, as in spec.cache.endpoints."},
        config::Field{"queues", &ProgramConfig::queues,
                      "Queues beside `default`, or `default` itself with a limit."},
        config::Field{"agents", &ProgramConfig::agents, "How agents are watched."},
        config::Field{"jobs", &ProgramConfig::jobs, "Bounds and waits of jobs."},
        config::Field{"security", &ProgramConfig::security,
                      "Certificates; without them it listens on loopback alone."},
        config::Field{"tokens", &ProgramConfig::tokens,
                      "File of the tokens that are accepted, a line each as `lrti-ctl token new` "
                      "prints it; empty: everybody who can connect is an admin."},
        config::Field{"insecure", &ProgramConfig::insecure,
                      "Allows an HTTP address where other hosts can connect; it asks for no "
                      "password, and is not encrypted."},
    };
  }
};
static_assert(config::Covered<ProgramConfig>);

/// Reads a config: YAML text, then `path=value` overrides, then the rules between fields.
/// Errors: InvalidArgument with every violation at once, one a line.
absl::StatusOr<ProgramConfig> ParseProgramConfig(const std::string& yaml,
                                                 const std::vector<std::string>& overrides);

/// The rules of the scheduler that the config says.
Rules RulesOf(const ProgramConfig& config);

}  // namespace lrti::coordinator
