#include "common/hidden_state/client/lane.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/status.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::hidden_state::client {
namespace {

// Room for the longest head and some bytes more, which come along when a payload ends.
constexpr size_t kInboxBytes = wire::kHeaderBytes + wire::kMetaBytesMax + 4096;
constexpr size_t kHeadRoomBytes = 4096;  // what is read beyond a payload: the next frame's head

// What is received at once: its CRC is taken while it is in the second cache.
constexpr size_t kReceiveBytesMax = 256 << 10;

// Poll wakes when so much of a payload is there, or its end: each time costs as much as some KiB.
constexpr uint64_t kWakeBytes = 64 << 10;

// After so much, the caller looks at its deadline and at other lanes.
constexpr uint64_t kTurnBytes = 4 << 20;

constexpr size_t kPoolFiles = 2;

std::atomic<uint64_t> lanes_so_far = 0;

absl::Status Broken(std::string_view what) {
  return Error(absl::StatusCode::kUnavailable, "connection: {}", what);
}

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK; }

absl::Status FromError(const wire::FrameHeader& header, wire::ByteView meta) {
  LRTI_ASSIGN_OR_RETURN(const std::string text, wire::DecodeError(meta));
  const bool token = header.outcome == wire::Outcome::kWrongToken;
  return Error(token ? absl::StatusCode::kPermissionDenied : absl::StatusCode::kUnavailable,
               "the node closes the lane: {}", text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Lane>> Lane::Connect(const Address& address,
                                                    const wire::Hello& hello,
                                                    SharedPoolView& view) {
  LRTI_ASSIGN_OR_RETURN(OpenFile file, StartConnecting(address));
  return std::unique_ptr<Lane>(new Lane(std::move(file), address.local(), hello, view));
}

Lane::Lane(OpenFile file, bool local, const wire::Hello& hello, SharedPoolView& view)
    : file_(std::move(file)),
      local_(local),
      number_(++lanes_so_far),
      hello_(hello),
      shared_view_(view),
      inbox_(kInboxBytes) {}

short Lane::events() const {
  if (!connected_) return POLLOUT;
  const bool sending = blocked_ || (!hello_sent_);
  return static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN);
}

absl::Status Lane::Advance(Exchange& exchange, short ready, const Deadline& deadline) {
  if (!connected_) {
    if ((ready & (POLLOUT | POLLERR | POLLHUP)) == 0) return absl::OkStatus();
    LRTI_RETURN_IF_ERROR(FinishConnecting(fd()));
    connected_ = true;
  }
  if ((ready & (POLLIN | POLLERR | POLLHUP)) != 0) {
    LRTI_RETURN_IF_ERROR(Receive(exchange));
  }
  return Send(exchange, deadline);
}

bool Lane::Idle() const {
  if (begin_ < end_ || part_ != Part::kHead) return false;
  pollfd closed{.fd = fd(), .events = POLLRDHUP, .revents = 0};  // also behind bytes not yet read
  if (::poll(&closed, 1, 0) != 0) return false;
  std::array<std::byte, wire::kHeaderBytes + 1> bytes;  // nothing may stand behind a PING
  const ssize_t got = ::recv(fd(), bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got < 0) return WouldBlock();
  if (got != static_cast<ssize_t>(wire::kHeaderBytes)) return false;
  const auto header = wire::DecodeHeader(std::span(bytes).first<wire::kHeaderBytes>());
  return header.ok() && header->type == wire::FrameType::kPing;  // answered with the next exchange
}

// ---- out ----

absl::Status Lane::Send(Exchange& exchange, const Deadline& deadline) {
  uint64_t sent = 0;
  while (sent < kTurnBytes && LoadNext(exchange, deadline)) {
    sent += sending_payload_.size();
    LRTI_ASSIGN_OR_RETURN(const bool all, SendLoaded());
    if (!all) return absl::OkStatus();
  }
  blocked_ = sent >= kTurnBytes;  // there may be more: poll says so at once
  return absl::OkStatus();
}

absl::Status Lane::Flush() {
  while (true) {
    if (sending_head_.empty()) {
      if (posted_.empty()) return absl::OkStatus();
      Load(std::move(posted_.front()));
      posted_.erase(posted_.begin());
    }
    LRTI_ASSIGN_OR_RETURN(const bool all, SendLoaded());
    if (!all) return absl::OkStatus();
  }
}

// Whether there is a frame to send.
bool Lane::LoadNext(Exchange& exchange, const Deadline& deadline) {
  if (!sending_head_.empty()) return true;
  if (!hello_sent_) {
    hello_sent_ = true;
    Outgoing frame;
    frame.header.type = wire::FrameType::kHello;
    frame.header.deadline_us = deadline.LeftOnWire();
    frame.meta = wire::Encode(hello_);
    Load(std::move(frame));
    return true;
  }
  if (!greeted_) return false;
  if (!posted_.empty()) {
    Load(std::move(posted_.front()));
    posted_.erase(posted_.begin());
    return true;
  }
  if (exchange.done()) return false;
  std::optional<Outgoing> frame = exchange.Next(deadline.LeftOnWire());
  if (!frame) return false;
  Load(*std::move(frame));
  return true;
}

void Lane::Load(Outgoing frame) {
  frame.header.meta_bytes = static_cast<uint32_t>(frame.meta.size());
  frame.header.payload_bytes = frame.payload.size();
  const wire::HeaderBytes header = wire::EncodeHeader(frame.header);
  sending_head_.assign(header.begin(), header.end());
  sending_head_.insert(sending_head_.end(), frame.meta.begin(), frame.meta.end());
  sending_payload_ = frame.payload;
  sent_ = 0;
}

// False when the socket takes no more.
absl::StatusOr<bool> Lane::SendLoaded() {
  const size_t all = sending_head_.size() + sending_payload_.size();
  while (sent_ < all) {
    const size_t head = std::min(sent_, sending_head_.size());
    const size_t payload = sent_ - head;
    std::array<iovec, 2> parts = {iovec{sending_head_.data() + head, sending_head_.size() - head},
                                  iovec{const_cast<std::byte*>(sending_payload_.data()) + payload,
                                        sending_payload_.size() - payload}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t sent = ::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && WouldBlock()) {
      blocked_ = true;
      return false;
    }
    if (sent < 0) return Broken(std::strerror(errno));
    sent_ += static_cast<size_t>(sent);
  }
  blocked_ = false;
  sending_head_.clear();
  sending_payload_ = {};
  return true;
}

// ---- in ----

absl::Status Lane::Receive(Exchange& exchange) {
  const absl::Status status = ReceiveAll(exchange);
  return status.ok() ? SetLowWater() : status;
}

absl::Status Lane::SetLowWater() {
  const uint64_t least = part_ == Part::kPayload ? std::min(payload_left_, kWakeBytes) : 1;
  const auto wanted = static_cast<int>(least);
  if (local_ || wanted == low_water_) return absl::OkStatus();
  if (::setsockopt(fd(), SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted) != 0) {
    return Broken(std::strerror(errno));
  }
  low_water_ = wanted;
  return absl::OkStatus();
}

absl::Status Lane::ReceiveAll(Exchange& exchange) {
  const uint64_t before = received_bytes_;
  while (true) {
    bool more = true;
    while (more) {
      LRTI_ASSIGN_OR_RETURN(more, Digest(exchange));
    }
    // Nothing whole is left in the inbox: what is missing is still in the socket, and poll says so.
    if (exchange.done() || received_bytes_ - before >= kTurnBytes) return absl::OkStatus();
    LRTI_ASSIGN_OR_RETURN(const bool some, ReceiveSome());
    if (!some) return absl::OkStatus();
  }
}

// Reads payload to where it goes, and what follows it into the inbox. False when nothing is there.
// REQUIRES: what is in the inbox is no payload.
absl::StatusOr<bool> Lane::ReceiveSome() {
  if (begin_ > 0) {
    std::memmove(inbox_.data(), inbox_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const size_t direct = std::min<size_t>(room_.size(), kReceiveBytesMax);
  const bool ends = direct == payload_left_;  // else the inbox would take payload
  size_t inbox = inbox_.size() - end_;
  if (direct > 0) inbox = ends ? std::min(inbox, kHeadRoomBytes) : 0;
  std::array<iovec, 2> parts = {iovec{room_.data(), direct}, iovec{inbox_.data() + end_, inbox}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kPoolFiles * sizeof(int))> control;
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (local_ && !greeted_) {  // without room for them, the kernel drops descriptors
    message.msg_control = control.data();
    message.msg_controllen = control.size();
  }
  ssize_t got = 0;
  do {
    got = ::recvmsg(fd(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && WouldBlock()) return false;
  if (got < 0) return Broken(std::strerror(errno));
  if (got == 0) return Broken("the node closed it");
  KeepFiles(&message);
  const auto bytes = static_cast<size_t>(got);
  received_bytes_ += bytes;
  const size_t taken = std::min(bytes, direct);
  end_ += bytes - taken;
  if (taken > 0) TakePayload(taken, nullptr);
  return true;
}

void Lane::KeepFiles(const void* message) {
  auto* header = const_cast<msghdr*>(static_cast<const msghdr*>(message));
  for (cmsghdr* part = CMSG_FIRSTHDR(header); part != nullptr; part = CMSG_NXTHDR(header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int file = -1;
      std::memcpy(&file, CMSG_DATA(part) + i * sizeof(int), sizeof file);
      OpenFile owner(file);
      if (files_.size() < kPoolFiles) files_.push_back(std::move(owner));
    }
  }
}

// Takes one frame's head or payload out of the inbox; false when that needs more bytes.
absl::StatusOr<bool> Lane::Digest(Exchange& exchange) {
  return part_ == Part::kHead ? DigestHead(exchange) : DigestPayload(exchange);
}

absl::StatusOr<bool> Lane::DigestHead(Exchange& exchange) {
  const wire::ByteView bytes(inbox_.data() + begin_, end_ - begin_);
  if (bytes.size() < wire::kHeaderBytes) return false;
  LRTI_ASSIGN_OR_RETURN(header_, wire::DecodeHeader(bytes.first<wire::kHeaderBytes>()));
  const size_t head = wire::kHeaderBytes + header_.meta_bytes;
  if (bytes.size() < head) return false;
  room_ = {};
  LRTI_RETURN_IF_ERROR(OnFrame(exchange, bytes.subspan(wire::kHeaderBytes, header_.meta_bytes)));
  begin_ += head;
  if (header_.payload_bytes == 0) return true;
  LRTI_CHECK(room_.empty() || room_.size() == header_.payload_bytes);
  discard_ = room_.empty();
  payload_left_ = header_.payload_bytes;
  payload_crc_ = 0;
  part_ = Part::kPayload;
  return true;
}

absl::StatusOr<bool> Lane::DigestPayload(Exchange& exchange) {
  const size_t taken = std::min<size_t>(payload_left_, end_ - begin_);
  if (taken > 0) {
    TakePayload(taken, inbox_.data() + begin_);
    begin_ += taken;
  }
  if (payload_left_ > 0) return false;
  part_ = Part::kHead;
  if (wire::Known(header_.type)) {
    LRTI_RETURN_IF_ERROR(exchange.OnPayload(header_, payload_crc_));
  }
  return true;
}

// Counts payload that came; copies it from the inbox where it did not come to its place.
void Lane::TakePayload(size_t bytes, const std::byte* from_inbox) {
  payload_left_ -= bytes;
  if (discard_) {
    payload_crc_ = Crc32c({from_inbox, bytes}, payload_crc_);
    return;
  }
  if (from_inbox != nullptr) std::memcpy(room_.data(), from_inbox, bytes);
  payload_crc_ = Crc32c(room_.first(bytes), payload_crc_);
  room_ = room_.subspan(bytes);
}

absl::Status Lane::OnFrame(Exchange& exchange, wire::ByteView meta) {
  switch (header_.type) {
    case wire::FrameType::kPing: {
      Outgoing pong;
      pong.header.type = wire::FrameType::kPong;
      pong.header.request = header_.request;
      if (posted_.empty()) Post(std::move(pong));  // one answer is enough for many
      return absl::OkStatus();
    }
    case wire::FrameType::kCredit:
      return absl::OkStatus();
    case wire::FrameType::kError:
      return FromError(header_, meta);
    case wire::FrameType::kGoaway:
      return Broken("the node takes no more requests");
    case wire::FrameType::kHelloAck:
      return OnGreeting(meta);
    case wire::FrameType::kPool:
      return OnPool(meta);
    default:
      break;
  }
  if (!wire::Known(header_.type)) return absl::OkStatus();
  if (!greeted_) return DataLoss("{} comes before HELLO_ACK", wire::NameOf(header_.type));
  LRTI_ASSIGN_OR_RETURN(room_, exchange.OnFrame(header_, meta));
  return absl::OkStatus();
}

absl::Status Lane::OnGreeting(wire::ByteView meta) {
  if (!hello_sent_ || acknowledged_) return DataLoss("HELLO_ACK comes out of turn");
  LRTI_ASSIGN_OR_RETURN(ack_, wire::DecodeHelloAck(meta));
  acknowledged_ = true;
  greeted_ = !local_;
  return absl::OkStatus();
}

absl::Status Lane::OnPool(wire::ByteView meta) {
  if (!local_ || !acknowledged_ || greeted_) return DataLoss("POOL comes out of turn");
  if (files_.size() != kPoolFiles) return DataLoss("POOL came with {} descriptors", files_.size());
  LRTI_ASSIGN_OR_RETURN(const wire::Pool sizes, wire::DecodePool(meta));
  LRTI_ASSIGN_OR_RETURN(view_, shared_view_.Attach(files_[0], files_[1], sizes));
  files_.clear();
  greeted_ = true;
  return absl::OkStatus();
}

}  // namespace lrti::hidden_state::client
