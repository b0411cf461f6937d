#include "services/cache/redis/address.h"

#include <sys/un.h>

#include <charconv>

#include "common/base/status.h"

namespace lrti::cache {

absl::StatusOr<RedisAddress> ParseRedisAddress(const std::string& text) {
  constexpr size_t kPathMax = sizeof(sockaddr_un{}.sun_path) - 1;
  if (text.starts_with("unix:")) {
    const std::string path = text.substr(5);
    if (path.empty() || path.size() > kPathMax) {
      return InvalidArgument("redis endpoint '{}': a path has 1 to {} bytes", text, kPathMax);
    }
    return RedisAddress{.path = path};
  }
  const size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon == std::string::npos ? 0 : colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string digits = colon == std::string::npos ? "" : text.substr(colon + 1);
  uint16_t port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (host.empty() || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size() ||
      port == 0) {
    return InvalidArgument(
        "redis endpoint '{}' is neither HOST:PORT, such as 127.0.0.1:6379, nor unix:/PATH", text);
  }
  return RedisAddress{.host = host, .port = port};
}

}  // namespace lrti::cache
