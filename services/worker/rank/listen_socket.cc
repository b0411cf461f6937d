#include "services/worker/rank/listen_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <system_error>

#include "common/base/status.h"

namespace lrti::worker {
namespace {

constexpr int kBacklog = 1024;

absl::Status SocketError(const std::string& host, const char* doing) {
  return Error(absl::StatusCode::kUnavailable, "{}: cannot {} for the ranks' rendezvous: {}", host,
               doing, std::generic_category().message(errno));
}

absl::StatusOr<ListenSocket> ListenOn(const std::string& host, const addrinfo& where) {
  ListenSocket socket;
  socket.file =
      OpenFile(::socket(where.ai_family, where.ai_socktype | SOCK_CLOEXEC, where.ai_protocol));
  if (!socket.file.valid()) return SocketError(host, "make a socket");
  if (::bind(socket.file.fd(), where.ai_addr, where.ai_addrlen) != 0) {
    return SocketError(host, "bind");
  }
  if (::listen(socket.file.fd(), kBacklog) != 0) return SocketError(host, "listen");
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  if (::getsockname(socket.file.fd(), reinterpret_cast<sockaddr*>(&bound), &length) != 0) {
    return SocketError(host, "read the port");
  }
  socket.port =
      ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                        : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
  return socket;
}

}  // namespace

absl::StatusOr<ListenSocket> ListenAt(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), "0", &hints, &found); error != 0) {
    return InvalidArgument("{}: no address of this machine: {}", host, ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  return ListenOn(host, *found);
}

}  // namespace lrti::worker
