#include "common/hidden_state/client/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "common/base/check.h"
#include "common/base/status.h"

namespace lrti::hidden_state::client {
namespace {

template <typename Socket>
Address AddressOf(const Socket& socket) {
  Address address;
  std::memcpy(&address.storage, &socket, sizeof socket);
  address.size = sizeof socket;
  return address;
}

absl::Status Unavailable(int error) {
  return Error(absl::StatusCode::kUnavailable, "connect: {}", std::strerror(error));
}

}  // namespace

Address UnixAddress(const std::string& path) {
  sockaddr_un socket{};
  LRTI_CHECK(path.size() < sizeof socket.sun_path);
  socket.sun_family = AF_UNIX;
  std::memcpy(socket.sun_path, path.data(), path.size());
  return AddressOf(socket);
}

std::optional<Address> NumericAddress(const std::string& host, uint16_t port) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &four.sin_addr) == 1) return AddressOf(four);
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  if (::inet_pton(AF_INET6, host.c_str(), &six.sin6_addr) == 1) return AddressOf(six);
  return std::nullopt;
}

absl::StatusOr<Address> LookUp(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return Error(absl::StatusCode::kUnavailable, "host '{}' is not found: {}", host,
                 ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  Address address;
  LRTI_CHECK(found->ai_addrlen <= sizeof address.storage);
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  return address;
}

absl::StatusOr<OpenFile> StartConnecting(const Address& address) {
  OpenFile file(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!file.valid()) return Unavailable(errno);
  if (!address.local()) {
    const int one = 1;
    if (::setsockopt(file.fd(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) {
      return Unavailable(errno);
    }
  }
  const auto* socket = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(file.fd(), socket, address.size) != 0 && errno != EINPROGRESS) {
    return Unavailable(errno);
  }
  return file;
}

absl::Status FinishConnecting(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  return error == 0 ? absl::OkStatus() : Unavailable(error);
}

}  // namespace lrti::hidden_state::client
