#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace prometheus {
class Collectable;
}

namespace lrti::http {

/// What a service tells its operators over HTTP, plain and without a password: keep it on loopback
/// or behind a network policy.
///
///     /metrics             for Prometheus
///     /livez, /healthz     200 while the process can answer; depends on nobody else
///     /readyz              200 once all checks hold, else 503; `?verbose` lists them
///     /version             {"component": ..., "version": ...}
///
/// Other paths are 404, other methods than GET and HEAD 405. Thread-safe; threads of its own.
class Server {
 public:
  struct Check {
    std::string name;
    std::function<absl::Status()> ready;  // called by any thread; answers at once
  };

  struct Options {
    std::string listen = "127.0.0.1:0";  // `host:port`, an IP address; port 0: the system chooses
    std::string component;               // `lrti-cache`
    std::string version;
    std::vector<std::shared_ptr<prometheus::Collectable>> metrics;
    std::vector<Check> checks;
  };

  /// Errors: InvalidArgument for an address that cannot be, Unavailable for one that is taken.
  static absl::StatusOr<std::unique_ptr<Server>> Start(Options options);

  /// Waits for the answers under way.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace lrti::http
