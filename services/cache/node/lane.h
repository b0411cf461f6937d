#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "common/base/duration_histogram.h"
#include "services/cache/node/connection.h"
#include "services/cache/node/engine.h"
#include "services/cache/node/node.h"
#include "services/cache/node/putting.h"

namespace lrti::cache {

/// What the lanes of a node share.
struct NodeContext {
  const NodeOptions options;
  Engine& engine;
  const uint64_t incarnation;
  std::atomic<bool> closing = false;  // no request is taken any more
  std::atomic<uint64_t> lanes = 0;
  std::atomic<uint64_t> lanes_opened = 0;
  std::atomic<uint64_t> lanes_refused = 0;
  std::atomic<uint64_t> protocol_errors = 0;
  std::atomic<uint64_t> timeouts = 0;
  std::atomic<uint64_t> received_bytes = 0;
  std::atomic<uint64_t> sent_bytes = 0;
  // How long requests took, until their answer was sent (gets, locates) or ready (puts).
  DurationHistogram gets;
  DurationHistogram locates;
  DurationHistogram puts;
};

/// One connection of a client: says HELLO, then answers one request after the other. Used by one
/// thread, that of its socket's io_context; its owner keeps it until Run has ended.
class Lane {
 public:
  /// `local` is for a Unix socket: it gets the pool's memory and may locate and lease.
  Lane(NodeContext& node, Socket socket, bool local, std::span<std::byte> scratch);

  /// Serves until the peer leaves, says something wrong, falls silent, or Close.
  Awaitable<void> Run();

  /// Holds the peer to its time; called now and then.
  void Tick(SteadyTime now);

  /// Says GOAWAY, now or behind the frame that is being sent.
  void SayGoaway();

  void Close() { connection_.Close(); }

 private:
  Awaitable<absl::Status> Serve();
  Awaitable<absl::Status> Greet();
  absl::Status Welcome(const wire::Hello& hello);
  Awaitable<absl::Status> NextHeader(wire::FrameHeader& header);
  Awaitable<absl::Status> ReadMeta(const wire::FrameHeader& header);
  Awaitable<absl::Status> Answer(wire::FrameHeader header);
  static Awaitable<absl::Status> Timed(DurationHistogram& times, Awaitable<absl::Status> answer);
  Awaitable<absl::Status> BeginPut(const wire::FrameHeader& header);
  Awaitable<absl::Status> TakePayload(const wire::FrameHeader& header, std::span<std::byte> room);
  Awaitable<absl::Status> TakeData(const wire::FrameHeader& header);
  Awaitable<absl::Status> EndPutIfDone();
  Awaitable<absl::Status> AnswerGet(const wire::FrameHeader& header);
  Awaitable<absl::Status> SendItem(uint64_t request, uint32_t index, Engine::Found found);
  Awaitable<absl::Status> AnswerLocate(const wire::FrameHeader& header);
  Awaitable<absl::Status> AnswerInvalidate(const wire::FrameHeader& header);
  Awaitable<absl::Status> FetchMissing(const wire::Get& get, size_t from, SteadyTime deadline);
  Awaitable<absl::Status> Overheard(uint64_t request);
  Awaitable<absl::Status> Flush(wire::ByteView payload = {});
  void Append(wire::FrameHeader header, const wire::Bytes& meta = {});
  bool GoawayNow();
  void SayError(const absl::Status& status);

  NodeContext& node_;
  Connection connection_;
  const bool local_;
  std::optional<Engine::Lane> joined_;
  wire::Outcome error_ = wire::Outcome::kProtocol;  // what an ERROR would say
  wire::Bytes meta_;                                // of the frame being read
  wire::Bytes out_;                                 // frames to be sent
  std::optional<Putting> putting_;
  SteadyTime put_begun_;
  std::optional<wire::FrameHeader> stashed_;  // read while a request was being answered
  bool cancelled_ = false;
  bool idle_ = false;    // waits for a request
  bool pinged_ = false;  // while idle
  bool goaway_ = false;  // to be said
  bool timed_out_ = false;
};

}  // namespace lrti::cache
