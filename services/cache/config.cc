#include "services/cache/config.h"

#include "common/config/load.h"
#include "common/config/override.h"
#include "common/rpc/address.h"
#include "services/cache/redis/address.h"

namespace lrti::cache {
namespace {

// Rules that a field's own declaration cannot say.
class Checker {
 public:
  Checker(const ProgramConfig& config, const config::Node& root, config::Findings& findings)
      : config_(config), root_(root), findings_(findings) {}

  void CheckAll() {
    CheckAddress("data.listen", config_.data.listen);
    CheckAddress("control.listen", config_.control.listen);
    CheckAddress("http.listen", config_.http.listen);
    if (config_.data.listen.empty() && config_.data.socket.empty()) {
      Add("data", "neither listen nor socket is set: nobody could connect");
    }
    if (config_.redis.endpoint.empty()) return;
    const auto redis = ParseRedisAddress(config_.redis.endpoint);
    if (!redis.ok()) Add("redis.endpoint", Message(redis.status()));
  }

 private:
  void Add(const std::string& path, const std::string& message) {
    const config::Node* const node = config::At(root_, path);
    findings_.Add(path, node == nullptr ? 0 : node->line, message);
  }

  void CheckAddress(const std::string& path, const std::string& address) {
    if (address.empty() || findings_.Touch({path})) return;
    if (!rpc::IsIpAddress(rpc::HostOf(address))) {
      Add(path, fmt::format("'{}' is no IP address and port such as 127.0.0.1:7420", address));
    } else if (!config_.insecure && !rpc::IsLoopback(address)) {
      Add(path, fmt::format("other hosts can connect to {}, and nothing is encrypted there: listen "
                            "on 127.0.0.1, or set insecure: true (--insecure) where you trust the "
                            "network",
                            address));
    }
  }

  const ProgramConfig& config_;
  const config::Node& root_;
  config::Findings& findings_;
};

}  // namespace

bool OpenJobs(const ProgramConfig& config) {
  if (config.jobs != JobsMode::kAuto) return config.jobs == JobsMode::kOpen;
  return config.data.listen.empty() || rpc::IsLoopback(config.data.listen);
}

absl::StatusOr<ProgramConfig> ParseProgramConfig(const std::string& yaml,
                                                 const std::vector<std::string>& overrides) {
  LRTI_ASSIGN_OR_RETURN(config::Node root, config::ParseYaml(yaml));
  for (const std::string& assignment : overrides) {
    LRTI_RETURN_IF_ERROR(config::Override(assignment, root));
  }
  config::Findings findings;
  ProgramConfig config = config::Load<ProgramConfig>(root, findings);
  Checker(config, root, findings).CheckAll();
  LRTI_RETURN_IF_ERROR(findings.ToStatus());
  return config;
}

}  // namespace lrti::cache
