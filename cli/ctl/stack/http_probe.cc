#include "cli/ctl/stack/http_probe.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "common/base/open_file.h"
#include "common/base/status.h"

namespace lrti::ctl {
namespace {

constexpr size_t kAnswerBytesMax = 64 << 10;

absl::Status SocketError(const std::string& address, const char* doing) {
  return Error(absl::StatusCode::kUnavailable, "{}: {}: {}", address, doing, std::strerror(errno));
}

absl::StatusOr<sockaddr_in> Parse(const std::string& address) {
  sockaddr_in parsed{};
  parsed.sin_family = AF_INET;
  const size_t colon = address.rfind(':');
  const int port = colon == std::string::npos ? 0 : std::atoi(address.c_str() + colon + 1);
  if (port <= 0 || port > 65535 ||
      ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &parsed.sin_addr) != 1) {
    return InvalidArgument("'{}' is no address such as 127.0.0.1:7431", address);
  }
  parsed.sin_port = htons(static_cast<uint16_t>(port));
  return parsed;
}

absl::StatusOr<std::string> Exchange(const std::string& address, const std::string& request,
                                     absl::Duration timeout) {
  LRTI_ASSIGN_OR_RETURN(const sockaddr_in parsed, Parse(address));
  const OpenFile socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval longest = absl::ToTimeval(timeout);
  if (!socket.valid() ||
      ::setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof(longest)) != 0 ||
      ::setsockopt(socket.fd(), SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest)) != 0) {
    return SocketError(address, "cannot make a socket");
  }
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&parsed), sizeof(parsed)) != 0) {
    return SocketError(address, "cannot connect");
  }
  if (::send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return SocketError(address, "cannot send");
  }
  std::string answer;
  std::array<char, 4096> piece{};
  while (answer.size() < kAnswerBytesMax) {
    const ssize_t size = ::recv(socket.fd(), piece.data(), piece.size(), 0);
    if (size < 0) return SocketError(address, "no answer");
    if (size == 0) break;
    answer.append(piece.data(), static_cast<size_t>(size));
  }
  return answer;
}

}  // namespace

absl::StatusOr<HttpAnswer> HttpGet(const std::string& address, const std::string& path,
                                   absl::Duration timeout) {
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", path, address);
  LRTI_ASSIGN_OR_RETURN(const std::string answer, Exchange(address, request, timeout));
  constexpr const char* kVersion = "HTTP/1.1 ";
  const size_t head = answer.find("\r\n\r\n");
  if (!answer.starts_with(kVersion) || head == std::string::npos) {
    return Error(absl::StatusCode::kUnavailable, "{}: this is no HTTP server", address);
  }
  return HttpAnswer{std::atoi(answer.c_str() + std::strlen(kVersion)), answer.substr(head + 4)};
}

absl::Status AskReady(const std::string& address, absl::Duration timeout) {
  LRTI_ASSIGN_OR_RETURN(const HttpAnswer answer, HttpGet(address, "/readyz?verbose", timeout));
  if (answer.status == 200) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, "{} is not ready: {}", address, answer.body);
}

}  // namespace lrti::ctl
