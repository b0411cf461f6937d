#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstring>
#include <limits>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "common/base/open_file.h"

namespace lrti::cache {

/// For tests: a TCP connection's way between a client and a node on loopback, which does harm to
/// one byte of one direction. One connection at a time.
class Proxy {
 public:
  enum class Harm : uint8_t { kFlip, kCut, kStall };
  struct Plan {
    bool to_client = true;                               // else to the node
    uint64_t at = std::numeric_limits<uint64_t>::max();  // in the bytes of that direction
    Harm harm = Harm::kFlip;
  };

  explicit Proxy(uint16_t node_port) : node_port_(node_port), stop_(::eventfd(0, EFD_CLOEXEC)) {
    listener_ = OpenFile(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = Loopback(0);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    LRTI_CHECK(::bind(listener_.fd(), any, size) == 0 && ::listen(listener_.fd(), 8) == 0);
    LRTI_CHECK(::getsockname(listener_.fd(), any, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { Run(); });
  }
  ~Proxy() {
    const uint64_t one = 1;
    LRTI_CHECK(::write(stop_.fd(), &one, sizeof one) == sizeof one);
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  uint16_t port() const { return port_; }

  /// For connections from now on.
  void Set(const Plan& plan) {
    to_client_ = plan.to_client;
    at_ = plan.at;
    harm_ = plan.harm;
  }

  /// How many bytes the last connection carried so far.
  uint64_t carried(bool to_client) const { return carried_[to_client ? 1 : 0]; }

 private:
  static sockaddr_in Loopback(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }

  void Run() {
    while (true) {
      std::array<pollfd, 2> wait = {pollfd{listener_.fd(), POLLIN, 0},
                                    pollfd{stop_.fd(), POLLIN, 0}};
      LRTI_CHECK(::poll(wait.data(), wait.size(), -1) > 0);
      if (wait[1].revents != 0) return;
      const OpenFile client(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
      const OpenFile node(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const sockaddr_in address = Loopback(node_port_);
      const auto* any = reinterpret_cast<const sockaddr*>(&address);
      LRTI_CHECK(client.valid() && ::connect(node.fd(), any, sizeof address) == 0);
      if (!Carry(client.fd(), node.fd())) return;
    }
  }

  // Until either side closes or the harm is a cut; false when the proxy is to stop.
  bool Carry(int client, int node) {
    carried_[0] = 0;
    carried_[1] = 0;
    const Plan plan{to_client_, at_, harm_};
    while (true) {
      std::array<pollfd, 3> wait = {pollfd{client, POLLIN, 0}, pollfd{node, POLLIN, 0},
                                    pollfd{stop_.fd(), POLLIN, 0}};
      LRTI_CHECK(::poll(wait.data(), wait.size(), -1) > 0);
      if (wait[2].revents != 0) return false;
      if (wait[0].revents != 0 && !Pass(client, node, false, plan)) return true;
      if (wait[1].revents != 0 && !Pass(node, client, true, plan)) return true;
    }
  }

  bool Pass(int from, int to, bool to_client, const Plan& plan) {
    std::array<char, 16384> bytes;
    const ssize_t got = ::recv(from, bytes.data(), bytes.size(), 0);
    if (got <= 0) return false;
    size_t size = static_cast<size_t>(got);
    const uint64_t before = carried_[to_client ? 1 : 0];
    const bool harmed = plan.to_client == to_client && plan.at < before + size;
    bool open = true;
    if (harmed && plan.harm == Harm::kFlip && plan.at >= before) {
      bytes[plan.at - before] = static_cast<char>(bytes[plan.at - before] ^ 0x10);
    } else if (harmed && plan.harm != Harm::kFlip) {
      size = plan.at > before ? plan.at - before : 0;
      open = plan.harm == Harm::kStall;
    }
    carried_[to_client ? 1 : 0] += static_cast<uint64_t>(got);
    for (size_t sent = 0; sent < size;) {
      const ssize_t now = ::send(to, bytes.data() + sent, size - sent, MSG_NOSIGNAL);
      if (now <= 0) return false;
      sent += static_cast<size_t>(now);
    }
    return open;
  }

  const uint16_t node_port_;
  OpenFile stop_;
  OpenFile listener_;
  uint16_t port_ = 0;
  std::atomic<bool> to_client_ = true;
  std::atomic<uint64_t> at_ = std::numeric_limits<uint64_t>::max();
  std::atomic<Harm> harm_ = Harm::kFlip;
  std::array<std::atomic<uint64_t>, 2> carried_{};
  std::jthread thread_;
};

}  // namespace lrti::cache
