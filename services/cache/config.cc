#include "services/cache/config.h"

#include <arpa/inet.h>

#include <charconv>

#include "common/config/load.h"
#include "common/config/override.h"
#include "services/cache/redis/address.h"

namespace lrti::cache {
namespace {

// The host of `host:port` or `[host]:port`; empty for anything else.
std::string HostOf(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return "";
  uint16_t port = 0;
  const char* const end = address.data() + address.size();
  const auto parsed = std::from_chars(address.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return "";
  const std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) return host.substr(1, host.size() - 2);
  return host.find(':') == std::string::npos ? host : "";
}

bool IsIpAddress(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET, host.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

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
    if (!IsIpAddress(HostOf(address))) {
      Add(path, fmt::format("'{}' is no IP address and port such as 127.0.0.1:7420", address));
    } else if (!config_.insecure && !IsLoopback(address)) {
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

bool IsLoopback(const std::string& address) {
  const std::string host = HostOf(address);
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool OpenJobs(const ProgramConfig& config) {
  if (config.jobs != JobsMode::kAuto) return config.jobs == JobsMode::kOpen;
  return config.data.listen.empty() || IsLoopback(config.data.listen);
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
