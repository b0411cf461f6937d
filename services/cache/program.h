#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/cache/config.h"
#include "services/cache/control/control_server.h"
#include "services/cache/node/node.h"
#include "services/cache/redis/redis_tier.h"
#include "services/http/server.h"

namespace lrti::cache {

inline constexpr const char* kVersion = "0.1.0";

/// A whole cache node: data plane, control plane, HTTP, second tier.
class Program {
 public:
  /// REQUIRES: data.socket is not `auto`. `warn` is told, by any thread, what an operator
  /// should know. Errors: InvalidArgument for a config that cannot be; Unavailable for an address
  /// that is taken; ResourceExhausted without the memory.
  static absl::StatusOr<std::unique_ptr<Program>> Start(
      const ProgramConfig& config, std::function<void(const std::string&)> warn);

  /// What it serves and where, for people; some lines.
  std::string Describe() const;

  /// Takes no new client and no put, tells clients and watchers, and is no longer ready.
  void Drain();
  uint64_t lanes() const { return node_->GetStats().lanes; }

 private:
  explicit Program(ProgramConfig config) : config_(std::move(config)) {}
  absl::Status StartAll(const std::function<void(const std::string&)>& warn);
  absl::Status StartNode();
  absl::Status StartControl();
  absl::Status StartHttp();

  const ProgramConfig config_;
  // In the order of starting; the last one goes first. The tier ends when both its holders have
  // let it go: the node waits for what it asked of it.
  std::shared_ptr<RedisTier> redis_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<http::Server> http_;
};

}  // namespace lrti::cache
