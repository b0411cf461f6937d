#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "services/cache/node/engine.h"

namespace lrti::cache {

/// A node as others find it.
struct Member {
  uint64_t incarnation = 0;
  std::string endpoint;   // of its data plane; empty: none beyond its host
  std::string unix_path;  // empty: none
  double weight = 1;      // 0: it takes no new keys
};

/// A node's control plane: lrti.v1.Cache over gRPC, with grpc.health.v1 and reflection. A node
/// alone answers itself as the whole membership.
///
/// Thread-safe; threads of gRPC.
class ControlServer {
 public:
  static constexpr size_t kWatchersMax = 256;

  struct Options {
    std::string listen = "127.0.0.1:0";  // `host:port`; port 0 lets the system choose
    Member self;
  };

  /// `engine` outlives it. Errors: Unavailable for an address that is taken or cannot be.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Start(const Options& options,
                                                              Engine& engine);

  /// Ends calls that are under way after a moment's grace.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  uint16_t port() const;

  /// The node is going away: health says so, watchers see its weight fall to 0, puts are refused.
  void Drain();

  /// How often each method ended with each code of gRPC, by their names, so far.
  std::map<std::pair<std::string, std::string>, uint64_t> GetCalls() const;

 private:
  struct Parts;
  explicit ControlServer(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace lrti::cache
