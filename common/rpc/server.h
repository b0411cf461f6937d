#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/rpc/limits.h"
#include "common/rpc/security.h"

namespace grpc {
class Service;
}

namespace lrti::rpc {

/// A gRPC server with grpc.health.v1 and reflection, bounds on messages and streams, and keepalive.
/// Thread-safe; threads of gRPC.
class Server {
 public:
  struct Options {
    std::string listen;  // `host:port`; port 0 lets the system choose
    Security security;
    std::vector<std::pair<std::string, grpc::Service*>> services;  // by full name; they outlive it
    int message_bytes_max = kMessageBytesMax;
    int streams_max = 4096;  // of one connection
    int threads_max = 512;   // of blocking calls; more of those are refused: ResourceExhausted
  };

  /// Errors: InvalidArgument for certificates that cannot be read; Unavailable for an address that
  /// is taken or cannot be.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Options& options);

  /// Ends calls that are under way after a moment's grace.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const;

  /// What health answers, of all services.
  void SetServing(bool serving);

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace lrti::rpc
