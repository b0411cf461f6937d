#include "tests/bench/cache/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/hidden_state/client/address.h"
#include "tests/bench/cache/memory.h"

namespace lrti::bench {
namespace {

using hidden_state::client::Address;

absl::Status Broken(const char* doing) {
  return Error(absl::StatusCode::kUnavailable, "{}: {}", doing, std::strerror(errno));
}

absl::StatusOr<OpenFile> Connect(const Address& address) {
  const auto* any = reinterpret_cast<const sockaddr*>(&address.storage);
  for (int tries = 0; tries < 500; ++tries) {
    OpenFile file(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!file.valid()) return Broken("socket");
    const int one = 1;
    if (!address.local()) ::setsockopt(file.fd(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::connect(file.fd(), any, address.size) == 0) return file;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return Broken("connect");
}

// What a client of the raw server says first; bytes follow a put, and the answer to a get.
struct RawRequest {
  uint64_t put = 0;
  uint64_t bytes = 0;
};

bool ReceiveAll(int fd, void* to, size_t bytes) {
  for (size_t got = 0; got < bytes;) {
    const ssize_t now = ::recv(fd, static_cast<char*>(to) + got, bytes - got, MSG_WAITALL);
    if (now <= 0) return false;
    got += static_cast<size_t>(now);
  }
  return true;
}

bool SendAll(int fd, const void* from, size_t bytes) {
  for (size_t sent = 0; sent < bytes;) {
    const ssize_t now =
        ::send(fd, static_cast<const char*>(from) + sent, bytes - sent, MSG_NOSIGNAL);
    if (now <= 0) return false;
    sent += static_cast<size_t>(now);
  }
  return true;
}

void ServeRaw(int fd, Ring& memory) {
  RawRequest request;
  while (ReceiveAll(fd, &request, sizeof request)) {
    const std::span<std::byte> piece = memory.Next(request.bytes);
    if (request.put == 0) {
      if (!SendAll(fd, piece.data(), piece.size())) return;
    } else {
      const char done = 1;
      if (!ReceiveAll(fd, piece.data(), piece.size()) || !SendAll(fd, &done, 1)) return;
    }
  }
}

}  // namespace

absl::StatusOr<Stream> Stream::ToPort(uint16_t port) {
  LRTI_ASSIGN_OR_RETURN(OpenFile file,
                        Connect(*hidden_state::client::NumericAddress("127.0.0.1", port)));
  return Stream(std::move(file));
}

absl::StatusOr<Stream> Stream::ToPath(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(OpenFile file, Connect(hidden_state::client::UnixAddress(path)));
  return Stream(std::move(file));
}

absl::Status Stream::Send(std::span<const std::byte> bytes) {
  return SendAll(fd(), bytes.data(), bytes.size()) ? absl::OkStatus() : Broken("send");
}

absl::Status Stream::Send(std::string_view text) { return Send(std::as_bytes(std::span(text))); }

absl::Status Stream::Receive(std::span<std::byte> bytes) {
  const size_t ahead = std::min(ahead_.size(), bytes.size());
  std::memcpy(bytes.data(), ahead_.data(), ahead);
  ahead_.erase(0, ahead);
  const bool all = ReceiveAll(fd(), bytes.data() + ahead, bytes.size() - ahead);
  return all ? absl::OkStatus() : Broken("receive");
}

absl::StatusOr<std::string> Stream::Line() {
  while (true) {
    if (const size_t end = ahead_.find("\r\n"); end != std::string::npos) {
      std::string line = ahead_.substr(0, end);
      ahead_.erase(0, end + 2);
      return line;
    }
    std::array<char, 4096> some;
    const ssize_t got = ::recv(fd(), some.data(), some.size(), 0);
    if (got <= 0) return Broken("receive");
    ahead_.append(some.data(), static_cast<size_t>(got));
  }
}

absl::Status RedisSet(Stream& redis, const std::string& key, std::span<const std::byte> value) {
  LRTI_RETURN_IF_ERROR(redis.Send(
      fmt::format("*3\r\n$3\r\nSET\r\n${}\r\n{}\r\n${}\r\n", key.size(), key, value.size())));
  LRTI_RETURN_IF_ERROR(redis.Send(value));
  LRTI_RETURN_IF_ERROR(redis.Send("\r\n"));
  LRTI_ASSIGN_OR_RETURN(const std::string line, redis.Line());
  return line == "+OK" ? absl::OkStatus() : DataLoss("redis: SET answers {}", line);
}

absl::Status RedisGet(Stream& redis, const std::string& key, std::span<std::byte> value) {
  LRTI_RETURN_IF_ERROR(
      redis.Send(fmt::format("*2\r\n$3\r\nGET\r\n${}\r\n{}\r\n", key.size(), key)));
  LRTI_ASSIGN_OR_RETURN(const std::string line, redis.Line());
  if (line != fmt::format("${}", value.size())) return DataLoss("redis: GET answers {}", line);
  LRTI_RETURN_IF_ERROR(redis.Receive(value));
  return redis.Line().status();
}

absl::Status MemcachedSet(Stream& cache, const std::string& key, std::span<const std::byte> value) {
  LRTI_RETURN_IF_ERROR(cache.Send(fmt::format("set {} 0 0 {}\r\n", key, value.size())));
  LRTI_RETURN_IF_ERROR(cache.Send(value));
  LRTI_RETURN_IF_ERROR(cache.Send("\r\n"));
  LRTI_ASSIGN_OR_RETURN(const std::string line, cache.Line());
  return line == "STORED" ? absl::OkStatus() : DataLoss("memcached: set answers {}", line);
}

absl::Status MemcachedGet(Stream& cache, const std::string& key, std::span<std::byte> value) {
  LRTI_RETURN_IF_ERROR(cache.Send(fmt::format("get {}\r\n", key)));
  LRTI_ASSIGN_OR_RETURN(const std::string line, cache.Line());
  if (line != fmt::format("VALUE {} 0 {}", key, value.size())) {
    return DataLoss("memcached: get answers {}", line);
  }
  LRTI_RETURN_IF_ERROR(cache.Receive(value));
  LRTI_RETURN_IF_ERROR(cache.Line().status());
  return cache.Line().status();
}

absl::StatusOr<std::pair<Child, uint16_t>> StartRawServer(size_t memory_bytes) {
  return Child::Fork([memory_bytes](const Child::Ready& ready) {
    Ring memory(memory_bytes, 3);
    const OpenFile listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Address address = *hidden_state::client::NumericAddress("127.0.0.1", 0);
    auto* any = reinterpret_cast<sockaddr*>(&address.storage);
    LRTI_CHECK(::bind(listener.fd(), any, address.size) == 0 && ::listen(listener.fd(), 4) == 0);
    LRTI_CHECK(::getsockname(listener.fd(), any, &address.size) == 0);
    ready(ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port));
    while (true) {
      const OpenFile client(::accept(listener.fd(), nullptr, nullptr));
      const int one = 1;
      ::setsockopt(client.fd(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      ServeRaw(client.fd(), memory);
    }
  });
}

absl::Status RawGet(Stream& raw, std::span<std::byte> room) {
  const RawRequest request{.put = 0, .bytes = room.size()};
  LRTI_RETURN_IF_ERROR(raw.Send(std::as_bytes(std::span(&request, 1))));
  return raw.Receive(room);
}

absl::Status RawPut(Stream& raw, std::span<const std::byte> bytes) {
  const RawRequest request{.put = 1, .bytes = bytes.size()};
  LRTI_RETURN_IF_ERROR(raw.Send(std::as_bytes(std::span(&request, 1))));
  LRTI_RETURN_IF_ERROR(raw.Send(bytes));
  std::byte done{};
  return raw.Receive(std::span(&done, 1));
}

}  // namespace lrti::bench
