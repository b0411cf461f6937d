#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/open_file.h"
#include "common/hidden_state/client/address.h"
#include "common/hidden_state/client/deadline.h"
#include "common/hidden_state/client/exchange.h"
#include "common/hidden_state/client/pool_view.h"
#include "common/hidden_state/wire/meta.h"

namespace lrti::hidden_state::client {

/// One connection to a node, for one exchange at a time. Never waits: the caller polls fd().
/// Payloads go between the socket and the exchange's memory without a stop between.
///
/// Not thread-safe. After an error, or an exchange that was left undone, it can only be destroyed.
class Lane {
 public:
  /// Begins to connect; the node is greeted before the first exchange. `view` must outlive it.
  /// Errors: Unavailable when connecting fails at once.
  static absl::StatusOr<std::unique_ptr<Lane>> Connect(const Address& address,
                                                       const wire::Hello& hello,
                                                       SharedPoolView& view);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// Moves what can be moved without waiting, `ready` being what poll said. Call it again when
  /// events() say so, until the exchange is done.
  /// Errors: Unavailable when the connection broke or the node sent an error; PermissionDenied when
  /// it said that the token is wrong; DataLoss when what it says makes no sense.
  absl::Status Advance(Exchange& exchange, short ready, const Deadline& deadline);

  int fd() const { return file_.fd(); }
  short events() const;  // to poll for

  /// Adds a frame that has no answer; it leaves with the next Advance or Flush.
  void Post(Outgoing frame) { posted_.push_back(std::move(frame)); }

  /// Sends what was posted, as far as that is possible without waiting. Errors: as Advance.
  absl::Status Flush();

  /// Between exchanges: whether the connection still stands and the node has said nothing that
  /// ends it.
  bool Idle() const;

  bool local() const { return local_; }  // over a Unix socket
  bool greeted() const { return greeted_; }
  uint64_t job() const { return hello_.job; }

  /// Names the lane among those of this process.
  uint64_t number() const { return number_; }

  /// Whether the node said anything since Listen.
  bool heard() const { return received_bytes_ > listened_from_; }
  void Listen() { listened_from_ = received_bytes_; }

  // REQUIRE greeted():
  uint64_t incarnation() const { return ack_.incarnation; }
  uint32_t lanes_max() const { return ack_.lanes_max; }
  const std::shared_ptr<const PoolView>& view() const { return view_; }  // nullptr over TCP

 private:
  enum class Part : uint8_t { kHead, kPayload };

  Lane(OpenFile file, bool local, const wire::Hello& hello, SharedPoolView& view);

  absl::Status Send(Exchange& exchange, const Deadline& deadline);
  bool LoadNext(Exchange& exchange, const Deadline& deadline);
  void Load(Outgoing frame);
  absl::StatusOr<bool> SendLoaded();
  absl::Status Receive(Exchange& exchange);
  absl::Status ReceiveAll(Exchange& exchange);
  absl::StatusOr<bool> ReceiveSome();
  absl::Status SetLowWater();
  void KeepFiles(const void* message);
  absl::StatusOr<bool> Digest(Exchange& exchange);
  absl::StatusOr<bool> DigestHead(Exchange& exchange);
  absl::StatusOr<bool> DigestPayload(Exchange& exchange);
  absl::Status OnFrame(Exchange& exchange, wire::ByteView meta);
  absl::Status OnGreeting(wire::ByteView meta);
  absl::Status OnPool(wire::ByteView meta);
  void TakePayload(size_t bytes, const std::byte* from_inbox);

  OpenFile file_;
  const bool local_;
  const uint64_t number_;
  const wire::Hello hello_;
  SharedPoolView& shared_view_;
  bool connected_ = false;
  bool hello_sent_ = false;
  bool acknowledged_ = false;
  bool greeted_ = false;
  wire::HelloAck ack_;
  std::shared_ptr<const PoolView> view_;
  std::vector<OpenFile> files_;  // that came before the POOL frame was read

  // Out: one frame under way, those posted behind it.
  wire::Bytes sending_head_;
  std::span<const std::byte> sending_payload_;
  size_t sent_ = 0;
  bool blocked_ = false;  // the socket takes no more
  std::vector<Outgoing> posted_;

  // In: bytes that came and are not taken yet lie in inbox_[begin_, end_).
  std::vector<std::byte> inbox_;
  size_t begin_ = 0;
  size_t end_ = 0;
  Part part_ = Part::kHead;
  wire::FrameHeader header_;   // whose payload is coming
  std::span<std::byte> room_;  // what is left of it to fill; empty with discard_
  bool discard_ = false;
  uint64_t payload_left_ = 0;
  uint32_t payload_crc_ = 0;
  int low_water_ = 1;  // bytes without which poll does not wake
  uint64_t received_bytes_ = 0;
  uint64_t listened_from_ = 0;
};

}  // namespace lrti::hidden_state::client
