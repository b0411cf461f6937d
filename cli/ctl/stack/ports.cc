#include "cli/ctl/stack/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "common/base/open_file.h"
#include "common/base/status.h"

namespace lrti::ctl {
namespace {

constexpr const char* kHost = "127.0.0.1";

// The port that could be bound; 0 when it is taken.
absl::StatusOr<uint16_t> TryBind(uint16_t port) {
  const OpenFile socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) {
    return Error(absl::StatusCode::kUnavailable, "cannot make a socket: {}", std::strerror(errno));
  }
  const int yes = 1;
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.fd(), any, size) != 0 || ::listen(socket.fd(), 1) != 0) return uint16_t{0};
  if (::getsockname(socket.fd(), any, &size) != 0) return uint16_t{0};
  return ntohs(address.sin_port);
}

}  // namespace

absl::StatusOr<std::string> FreeAddress(const std::string& preferred) {
  const size_t colon = preferred.rfind(':');
  uint16_t port = 0;
  if (colon == std::string::npos || preferred.substr(0, colon) != kHost ||
      std::from_chars(preferred.data() + colon + 1, preferred.data() + preferred.size(), port).ec !=
          std::errc()) {
    return InvalidArgument("'{}' is no address such as 127.0.0.1:7430", preferred);
  }
  LRTI_ASSIGN_OR_RETURN(uint16_t bound, TryBind(port));
  if (bound == 0) {
    LRTI_ASSIGN_OR_RETURN(bound, TryBind(0));
  }
  if (bound == 0) {
    return Error(absl::StatusCode::kUnavailable, "{} has no free port", kHost);
  }
  return fmt::format("{}:{}", kHost, bound);
}

}  // namespace lrti::ctl
