#include "services/worker/config.h"

#include <algorithm>
#include <thread>

#include "common/config/load.h"
#include "common/config/override.h"
#include "common/rpc/address.h"

namespace lrti::worker {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// Rules that a field's own declaration cannot say.
class Checker {
 public:
  Checker(const WorkerConfig& config, const config::Node& root, config::Findings& findings)
      : config_(config), root_(root), findings_(findings) {}

  void CheckAll() {
    CheckTexts();
    CheckHttp();
    const rpc::Security& security = config_.security;
    const bool all = !security.certificate.empty() && !security.key.empty();
    const bool none = security.certificate.empty() && security.key.empty();
    if (security.encrypted() ? !all : !none) {
      Add("security", "ca, certificate and key belong together: set all three or none");
    }
  }

 private:
  void Add(const std::string& path, const std::string& message) {
    const config::Node* const node = config::At(root_, path);
    findings_.Add(path, node == nullptr ? 0 : node->line, message);
  }

  void CheckTexts() {
    if (rpc::HostOf(config_.coordinator).empty()) {
      Add("coordinator",
          fmt::format("'{}' is no HOST:PORT such as 127.0.0.1:7430", config_.coordinator));
    }
    for (const auto& [path, text] : {std::pair{"name", config_.name},
                                     {"address", config_.address},
                                     {"spool", config_.spool},
                                     {"trainer", config_.trainer}}) {
      if (text.empty()) Add(path, "is empty");
    }
    const auto fits = [](unsigned char c) {
      return std::isalnum(c) || c == '-' || c == '.' || c == '_';
    };
    if (config_.name.size() > 128 || !std::all_of(config_.name.begin(), config_.name.end(), fits)) {
      Add("name", fmt::format("'{}' is no name: letters, digits, '-', '.' and '_', at most 128",
                              config_.name));
    }
  }

  void CheckHttp() {
    const std::string& listen = config_.http.listen;
    if (listen.empty() || findings_.Touch({"http.listen"})) return;
    if (!rpc::IsIpAddress(rpc::HostOf(listen))) {
      Add("http.listen",
          fmt::format("'{}' is no IP address and port such as 127.0.0.1:7432", listen));
    } else if (!config_.insecure && !rpc::IsLoopback(listen)) {
      Add("http.listen",
          fmt::format("other hosts can connect to {}, and it asks for no password: listen on "
                      "127.0.0.1, or set insecure: true (--insecure) where you trust the network",
                      listen));
    }
  }

  const WorkerConfig& config_;
  const config::Node& root_;
  config::Findings& findings_;
};

StallLimits LimitsOf(const StallConfig& config) {
  return {.heartbeat = config.heartbeat,
          .step_least = config.step_least,
          .step_factor = config.step_factor,
          .starting = config.starting,
          .loading = config.loading,
          .long_pass = config.long_pass,
          .evaluating = config.evaluating,
          .checkpointing = config.checkpointing,
          .finishing = config.finishing};
}

}  // namespace

absl::StatusOr<WorkerConfig> ParseWorkerConfig(const std::string& yaml,
                                               const std::vector<std::string>& overrides) {
  LRTI_ASSIGN_OR_RETURN(config::Node root, config::ParseYaml(yaml));
  for (const std::string& assignment : overrides) {
    LRTI_RETURN_IF_ERROR(config::Override(assignment, root));
  }
  config::Findings findings;
  WorkerConfig config = config::Load<WorkerConfig>(root, findings);
  Checker(config, root, findings).CheckAll();
  LRTI_RETURN_IF_ERROR(findings.ToStatus());
  return config;
}

AgentSettings SettingsOf(const WorkerConfig& config, const std::string& version) {
  const DevicesConfig& devices = config.devices;
  return {.name = config.name,
          .address = config.address,
          .version = version,
          .trainer = config.trainer,
          .cores = std::max<int64_t>(1, std::thread::hardware_concurrency()),
          .devices = {.memory_used_max = static_cast<uint64_t>(devices.memory_used_mib_max) * kMiB,
                      .free_wait = devices.free_wait},
          .stall = LimitsOf(config.stall),
          .peer_grace = config.grace.peer,
          .stop_grace = config.grace.stop,
          .orphan_grace = config.grace.orphan,
          .log_bytes_max = static_cast<uint64_t>(config.log_mib_max) * kMiB,
          .spool_free_bytes_min = static_cast<uint64_t>(config.spool_free_mib_min) * kMiB};
}

}  // namespace lrti::worker
