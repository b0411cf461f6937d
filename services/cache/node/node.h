#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/duration_histogram.h"
#include "services/cache/node/engine.h"

namespace lrti::cache {

struct NodeOptions {
  /// `host:port`, an IP address; port 0 lets the system choose. Empty: no TCP.
  std::string listen = "127.0.0.1:0";

  /// Where the Unix socket lies; empty: none. What is left there by a node that died is replaced.
  std::string unix_path;

  Engine::Options engine;
  std::shared_ptr<Tier> tier;  // behind the engine; may be null

  int threads = 1;  // each with lanes of its own

  /// Bounds on what peers may take.
  uint32_t lanes_max = 256;
  uint32_t lanes_client_max = 16;
  std::chrono::milliseconds hello_timeout{5'000};   // from the connection to a whole HELLO
  std::chrono::milliseconds frame_timeout{10'000};  // for a frame to come or to go
  std::chrono::milliseconds idle_timeout{60'000};   // then a PING, and as long for its PONG; TCP
};

struct NodeStats {
  EngineStats engine;
  uint64_t lanes = 0;            // now
  uint64_t lanes_opened = 0;     // so far, as all below
  uint64_t lanes_refused = 0;    // beyond a bound, of another user, or with a wrong token
  uint64_t protocol_errors = 0;  // lanes closed for what they said
  uint64_t timeouts = 0;         // lanes closed for their silence
  uint64_t received_bytes = 0;   // of states
  uint64_t sent_bytes = 0;
  DurationHistogram::Counts gets;  // of requests, each for many states
  DurationHistogram::Counts locates;
  DurationHistogram::Counts puts;
};

/// A cache node's data plane: states of an Engine, over TCP and a Unix socket, in the frames of
/// common/hidden_state/wire.
///
/// A lane is one connection and has one request at a time; others wait in its socket. What a peer
/// says wrong closes its lane, after an ERROR that says why, and touches no other. Each lane keeps
/// within kLaneBytesMax of budget.h: payload goes between its socket and the pool alone.
///
/// Thread-safe.
class Node {
 public:
  /// Makes the pool, listens and serves.
  /// Errors: InvalidArgument for an address or a size that cannot be; ResourceExhausted for no
  /// memory; Unavailable when an address is taken.
  static absl::StatusOr<std::unique_ptr<Node>> Start(const NodeOptions& options);

  /// Closes all lanes and stops.
  ~Node();

  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  uint16_t port() const;  // 0 without TCP
  const std::string& socket_path() const;
  uint64_t incarnation() const;  // of this start
  Engine& engine();

  /// Takes no lane and no request any more and tells all lanes so; requests under way are answered,
  /// leases stay. Returns at once; GetStats().lanes says who is still there.
  void Drain();

  NodeStats GetStats() const;

 private:
  struct Parts;
  explicit Node(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace lrti::cache
