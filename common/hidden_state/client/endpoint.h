#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::hidden_state::client {

/// Where a cache node listens. With a path that exists, this host reaches it through the socket
/// there and reads its memory; otherwise over TCP.
struct Endpoint {
  std::string name;  // what placement goes by: the same text on every host
  std::string path;  // of a Unix socket; may be empty
  std::string host;  // empty: reached by the path alone
  uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
};

/// `tcp://host:port`, `tcp://[address]:port`, `unix:/path`, or both for a node of this host:
/// `tcp://host:port+unix:/path`, whose name is its first half, as other hosts write it.
/// Errors: InvalidArgument with the text.
absl::StatusOr<Endpoint> ParseEndpoint(const std::string& text);

/// As many endpoints, none named twice. Errors: InvalidArgument, also for none.
absl::StatusOr<std::vector<Endpoint>> ParseEndpoints(const std::vector<std::string>& texts);

}  // namespace lrti::hidden_state::client
