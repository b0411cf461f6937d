#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace lrti::cache {

/// Where a Redis listens: a path, or a host and a port.
struct RedisAddress {
  std::string path;
  std::string host;
  uint16_t port = 0;

  bool operator==(const RedisAddress&) const = default;
};

/// Reads `HOST:PORT`, `[IPV6]:PORT` or `unix:/PATH`. Errors: InvalidArgument with an example.
absl::StatusOr<RedisAddress> ParseRedisAddress(const std::string& text);

}  // namespace lrti::cache
