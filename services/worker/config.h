#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/schema.h"
#include "common/rpc/security.h"
#include "services/worker/agent/machine.h"

namespace lrti::worker {

struct DevicesConfig {
  std::string nvml_library = "libnvidia-ml.so.1";
  int64_t cpu_slots = 0;
  bool cpu_only = false;
  int64_t memory_used_mib_max = 1024;
  absl::Duration free_wait = absl::Seconds(60);

  static auto Fields() {
    return std::tuple{
        config::Field{"nvml_library", &DevicesConfig::nvml_library,
                      "The driver's management library; where it is not there, the processor's "
                      "slots take the place of GPUs."},
        config::Field{"cpu_slots", &DevicesConfig::cpu_slots,
                      "Slots of the processor where there are no GPUs; 0: one a core, at most 64.",
                      config::Between(int64_t{0}, int64_t{4096})},
        config::Field{"cpu_only", &DevicesConfig::cpu_only, "Use no GPU though there are some."},
        config::Field{"memory_used_mib_max", &DevicesConfig::memory_used_mib_max,
                      "A GPU with no more memory in use is free.",
                      config::Between(int64_t{0}, int64_t{1} << 20), config::Unit("MiB")},
        config::Field{"free_wait", &DevicesConfig::free_wait,
                      "A GPU whose memory does not come back in this time is leaked: nothing is "
                      "started there until it does.",
                      config::Between(absl::ZeroDuration(), absl::Hours(1))},
    };
  }
};
static_assert(config::Covered<DevicesConfig>);

/// StallLimits as config.
struct StallConfig {
  absl::Duration heartbeat = StallLimits().heartbeat;
  absl::Duration step_least = StallLimits().step_least;
  double step_factor = StallLimits().step_factor;
  absl::Duration starting = StallLimits().starting;
  absl::Duration loading = StallLimits().loading;
  absl::Duration long_pass = StallLimits().long_pass;
  absl::Duration evaluating = StallLimits().evaluating;
  absl::Duration checkpointing = StallLimits().checkpointing;
  absl::Duration finishing = StallLimits().finishing;

  static auto Fields() {
    const auto bounds = config::Between(absl::Milliseconds(100), absl::Hours(24 * 7));
    return std::tuple{
        config::Field{"heartbeat", &StallConfig::heartbeat,
                      "A rank without a heartbeat for so long has stopped.", bounds},
        config::Field{"step_least", &StallConfig::step_least,
                      "No step stands still before this time.", bounds},
        config::Field{"step_factor", &StallConfig::step_factor,
                      "A step stands still after so many times the 99th percentile of the "
                      "attempt's own steps.",
                      config::Between(1.0, 1000.0)},
        config::Field{"starting", &StallConfig::starting, "Until the first heartbeat.", bounds},
        config::Field{
            "loading", &StallConfig::loading,
            "In phase loading, and in a first step, which nothing is known to compare with.",
            bounds},
        config::Field{"long_pass", &StallConfig::long_pass, "In phase long_pass.", bounds},
        config::Field{"evaluating", &StallConfig::evaluating, "In phase evaluating.", bounds},
        config::Field{"checkpointing", &StallConfig::checkpointing, "In phase checkpointing.",
                      bounds},
        config::Field{"finishing", &StallConfig::finishing, "In phase finishing.", bounds},
    };
  }
};
static_assert(config::Covered<StallConfig>);

struct GraceConfig {
  absl::Duration stop = AgentSettings().stop_grace;
  absl::Duration peer = AgentSettings().peer_grace;
  absl::Duration orphan = AgentSettings().orphan_grace;

  static auto Fields() {
    const auto bounds = config::Between(absl::ZeroDuration(), absl::Hours(24 * 30));
    return std::tuple{
        config::Field{"stop", &GraceConfig::stop,
                      "A trainer has so long to save where the coordinator does not say.", bounds},
        config::Field{"peer", &GraceConfig::peer,
                      "When a rank has lost a peer, its siblings have so long to say why.", bounds},
        config::Field{"orphan", &GraceConfig::orphan,
                      "A trainer whose agent is away for so long saves and ends.", bounds},
    };
  }
};
static_assert(config::Covered<GraceConfig>);

struct HttpConfig {
  std::string listen = "127.0.0.1:7432";

  static auto Fields() {
    return std::tuple{config::Field{
        "listen", &HttpConfig::listen,
        "HOST:PORT, an IP address; port 0: the system chooses; empty: do not listen."}};
  }
};
static_assert(config::Covered<HttpConfig>);

/// What becomes of the ranks when the agent is asked to end.
enum class OnExit { kLeave, kDrain };
constexpr auto EnumNames(OnExit) {
  return std::array{std::pair{OnExit::kLeave, "leave"}, std::pair{OnExit::kDrain, "drain"}};
}

/// All that lrti-worker can be told.
struct WorkerConfig {
  std::string coordinator = "127.0.0.1:7430";
  std::string name = "auto";
  std::string address = "127.0.0.1";
  std::string spool = "auto";
  std::string trainer = "auto";
  DevicesConfig devices;
  StallConfig stall;
  GraceConfig grace;
  OnExit on_exit = OnExit::kLeave;
  int64_t log_mib_max = 1024;
  int64_t spool_free_mib_min = 256;
  absl::Duration call_timeout = absl::Seconds(5);
  HttpConfig http;
  rpc::Security security;
  bool insecure = false;

  static auto Fields() {
    return std::tuple{
        config::Field{"coordinator", &WorkerConfig::coordinator, "HOST:PORT of the coordinator."},
        config::Field{"name", &WorkerConfig::name,
                      "Of this machine among all agents, the same after every restart; auto: the "
                      "host's name."},
        config::Field{"address", &WorkerConfig::address,
                      "Address of this machine where ranks on other machines reach it."},
        config::Field{"spool", &WorkerConfig::spool,
                      "Folder for logs and records of what runs; auto: worker in $LRTI_STATE, else "
                      "lrti/worker in $XDG_STATE_HOME or ~/.local/state."},
        config::Field{"trainer", &WorkerConfig::trainer,
                      "Path of lrti-vsr; auto: beside this program."},
        config::Field{"devices", &WorkerConfig::devices, "What is offered for training."},
        config::Field{"stall", &WorkerConfig::stall, "When a rank counts as standing still."},
        config::Field{"grace", &WorkerConfig::grace, "How long things may take to end."},
        config::Field{"on_exit", &WorkerConfig::on_exit,
                      "After SIGTERM; leave: ranks go on, and the next agent takes them over; "
                      "drain: they save and end first."},
        config::Field{"log_mib_max", &WorkerConfig::log_mib_max,
                      "Log of an attempt on this machine; one that writes more is ended.",
                      config::Between(int64_t{1}, int64_t{1} << 20), config::Unit("MiB")},
        config::Field{"spool_free_mib_min", &WorkerConfig::spool_free_mib_min,
                      "With less left on the spool's disk, nothing is started.",
                      config::Between(int64_t{1}, int64_t{1} << 20), config::Unit("MiB")},
        config::Field{"call_timeout", &WorkerConfig::call_timeout,
                      "A call to the coordinator that takes longer has failed.",
                      config::Between(absl::Milliseconds(100), absl::Minutes(1))},
        config::Field{"http", &WorkerConfig::http, "/metrics, /livez, /readyz, /version."},
        config::Field{"security", &WorkerConfig::security, "Certificates and token."},
        config::Field{"insecure", &WorkerConfig::insecure,
                      "Allows an HTTP address where other hosts can connect; it asks for no "
                      "password."},
    };
  }
};
static_assert(config::Covered<WorkerConfig>);

/// Reads a config: YAML text, then `path=value` overrides, then the rules between fields.
/// Errors: InvalidArgument with every violation at once, one a line.
absl::StatusOr<WorkerConfig> ParseWorkerConfig(const std::string& yaml,
                                               const std::vector<std::string>& overrides);

/// The agent's settings; `auto` is decided by then.
AgentSettings SettingsOf(const WorkerConfig& config, const std::string& version);

}  // namespace lrti::worker
