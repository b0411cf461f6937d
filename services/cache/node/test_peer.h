#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/open_file.h"
#include "common/hidden_state/wire/frame.h"
#include "common/hidden_state/wire/item.h"
#include "common/hidden_state/wire/limits.h"
#include "common/hidden_state/wire/meta.h"
#include "gtest/gtest.h"

/// For tests: a client that says what it is told to, right or wrong, over a blocking socket. What a
/// node does not answer within seconds counts as never.
namespace lrti::cache {

struct Frame {
  wire::FrameHeader header;
  wire::Bytes meta;
  wire::Bytes payload;
  std::vector<OpenFile> files;  // that came with it
};

inline constexpr int64_t kSmall = 100;  // values of a state that takes one chunk

class TestPeer {
 public:
  static constexpr uint64_t kDeadlineUs = 10'000'000;

  static TestPeer Tcp(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return TestPeer(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }

  static TestPeer Unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    LRTI_CHECK(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    return TestPeer(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }

  bool connected() const { return connected_; }
  int fd() const { return socket_.fd(); }
  void Close() { socket_ = {}; }

  /// False when the node has closed.
  bool SendBytes(wire::ByteView bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes = bytes.subspan(static_cast<size_t>(sent));
    }
    return true;
  }

  bool Send(wire::FrameHeader header, const wire::Bytes& meta = {}, wire::ByteView payload = {}) {
    return SendBytes(Encoded(header, meta, payload));
  }

  static wire::Bytes Encoded(wire::FrameHeader header, const wire::Bytes& meta = {},
                             wire::ByteView payload = {}) {
    header.meta_bytes = static_cast<uint32_t>(meta.size());
    header.payload_bytes = payload.size();
    const wire::HeaderBytes head = wire::EncodeHeader(header);
    return wire::Writer().AddBytes(head).AddBytes(meta).AddBytes(payload).Take();
  }

  /// Nothing when the node closed the lane, or said nothing for seconds.
  std::optional<Frame> Receive() {
    Frame frame;
    wire::HeaderBytes head;
    if (!ReceiveBytes(head, &frame.files)) return std::nullopt;
    const auto header = wire::DecodeHeader(head);
    LRTI_CHECK(header.ok());
    frame.header = *header;
    frame.meta.resize(header->meta_bytes);
    frame.payload.resize(header->payload_bytes);
    if (!ReceiveBytes(frame.meta, nullptr) || !ReceiveBytes(frame.payload, nullptr)) {
      return std::nullopt;
    }
    return frame;
  }

  /// The next frame, which must be of the type.
  Frame Expect(wire::FrameType type) {
    std::optional<Frame> frame = Receive();
    if (!frame) {
      ADD_FAILURE() << "no frame, where " << wire::NameOf(type) << " should come";
      return {};
    }
    EXPECT_EQ(wire::NameOf(frame->header.type), wire::NameOf(type)) << ErrorIn(*frame);
    return *std::move(frame);
  }

  static std::string ErrorIn(const Frame& frame) {
    if (frame.header.type != wire::FrameType::kError) return "";
    return wire::DecodeError(frame.meta).value_or("?");
  }

  /// The text of the ERROR that must come next, before the node closes.
  std::string ExpectError(wire::Outcome outcome = wire::Outcome::kProtocol) {
    const Frame frame = Expect(wire::FrameType::kError);
    EXPECT_EQ(frame.header.outcome, outcome);
    EXPECT_TRUE(IsClosed());
    return ErrorIn(frame);
  }

  /// Whether the node closed the lane, with nothing more to say.
  bool IsClosed() {
    std::byte byte;
    const ssize_t got = ::recv(fd(), &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

  static wire::Hello HelloOf(uint64_t job, uint64_t client) {
    return {.job = job, .client = client, .token = "token of " + std::to_string(job)};
  }

  bool SayHello(const wire::Hello& hello) {
    return Send({.type = wire::FrameType::kHello, .deadline_us = kDeadlineUs}, wire::Encode(hello));
  }

  /// HELLO and its answer; over a Unix socket also POOL, which is given back.
  std::optional<Frame> Greet(uint64_t job = 1, uint64_t client = 1) {
    EXPECT_TRUE(SayHello(HelloOf(job, client)));
    Expect(wire::FrameType::kHelloAck);
    if (family_ == AF_INET) return std::nullopt;
    return Expect(wire::FrameType::kPool);
  }

  struct State {
    wire::Item item;
    wire::Bytes bytes;
  };

  /// A state of `values` bf16 numbers whose bytes depend on all of its name and version.
  static State MakeState(uint32_t frame, int64_t values, hidden_state::Version version = {1, 1},
                         uint64_t job = 1) {
    State state;
    state.item.key = {.job = job, .model = 2, .frame = frame};
    state.item.version = version;
    state.item.encoding = codec::Encoding::kBf16;
    state.item.shape = {values};
    state.item.bytes = 2 * static_cast<uint64_t>(values);
    state.bytes.resize(state.item.bytes);
    uint64_t seed = frame * 31 + version.lineage * 7 + version.step * 1013 + job * 3;
    for (std::byte& byte : state.bytes) {
      seed = seed * 6364136223846793005 + 1442695040888963407;
      byte = static_cast<std::byte>(seed >> 56);
    }
    return state;
  }

  static wire::Bytes Chunk(const State& state, uint64_t request, uint32_t index, uint64_t offset) {
    const wire::ByteView all = state.bytes;
    const wire::ByteView bytes =
        all.subspan(offset, std::min<uint64_t>(wire::kChunkBytes, all.size() - offset));
    return Encoded({.type = wire::FrameType::kPutData,
                    .request = request,
                    .item = index,
                    .offset = offset,
                    .payload_crc = Crc32c(bytes)},
                   {}, bytes);
  }

  bool BeginPut(const std::vector<State>& states, uint64_t request) {
    std::vector<wire::Item> items;
    for (const State& state : states) items.push_back(state.item);
    return Send(
        {.type = wire::FrameType::kPutBegin, .request = request, .deadline_us = kDeadlineUs},
        wire::EncodePutBegin(items));
  }

  /// A whole put; the outcome of each state.
  std::vector<wire::Outcome> Put(const std::vector<State>& states) {
    const uint64_t request = ++request_;
    EXPECT_TRUE(BeginPut(states, request));
    const auto grants =
        wire::DecodeOutcomes(Expect(wire::FrameType::kPutGrant).meta, states.size());
    if (!grants.ok()) return {};
    if (std::ranges::find(*grants, wire::Outcome::kOk) == grants->end()) return *grants;
    for (uint32_t i = 0; i < states.size(); ++i) {
      if ((*grants)[i] != wire::Outcome::kOk) continue;
      for (uint64_t at = 0; at < states[i].bytes.size(); at += wire::kChunkBytes) {
        EXPECT_TRUE(SendBytes(Chunk(states[i], request, i, at)));
      }
    }
    return wire::DecodeOutcomes(Expect(wire::FrameType::kPutDone).meta, states.size())
        .value_or(std::vector<wire::Outcome>());
  }

  wire::Outcome Put(const State& state) {
    const std::vector<wire::Outcome> outcomes = Put(std::vector{state});
    return outcomes.empty() ? wire::Outcome::kProtocol : outcomes[0];
  }

  struct Got {
    wire::Outcome outcome = wire::Outcome::kMiss;
    std::optional<State> state;
    hidden_state::Version stale;
  };

  static constexpr hidden_state::Rule kAnyAge{.lineage = 1, .step = 1000};

  bool Ask(wire::FrameType type, const std::vector<hidden_state::StateKey>& keys,
           const hidden_state::Rule& rule, uint64_t deadline_us = kDeadlineUs) {
    return Send({.type = type, .request = ++request_, .deadline_us = deadline_us},
                wire::Encode(wire::Get{.rule = rule, .keys = keys}));
  }

  /// What comes for one key of a GET, each chunk held to its CRC.
  Got ReceiveItem() {
    const Frame head = Expect(wire::FrameType::kGetItem);
    Got got{.outcome = head.header.outcome};
    if (got.outcome == wire::Outcome::kStale) got.stale = *wire::DecodeStale(head.meta);
    if (got.outcome != wire::Outcome::kOk) return got;
    const auto item = wire::DecodeFound(head.meta);
    EXPECT_TRUE(item.ok()) << item.status();
    if (!item.ok()) return got;
    got.state = State{*item, {}};
    while (got.state->bytes.size() < item->bytes) {
      const Frame data = Expect(wire::FrameType::kGetData);
      if (data.header.type != wire::FrameType::kGetData) return got;
      EXPECT_EQ(data.header.offset, got.state->bytes.size());
      EXPECT_EQ(Crc32c(data.payload), data.header.payload_crc);
      got.state->bytes.insert(got.state->bytes.end(), data.payload.begin(), data.payload.end());
    }
    return got;
  }

  Got Get(const hidden_state::StateKey& key, const hidden_state::Rule& rule = kAnyAge) {
    EXPECT_TRUE(Ask(wire::FrameType::kGet, {key}, rule));
    Got got = ReceiveItem();
    EXPECT_EQ(Expect(wire::FrameType::kGetEnd).header.outcome, wire::Outcome::kOk);
    return got;
  }

  /// A hit that is this state, to the byte.
  bool Has(const State& state, const hidden_state::Rule& rule = kAnyAge) {
    const Got got = Get(state.item.key, rule);
    return got.state && got.state->item == state.item && got.state->bytes == state.bytes;
  }

  void Invalidate(uint64_t job, const std::vector<hidden_state::StateKey>& keys = {}) {
    EXPECT_TRUE(Send(
        {.type = wire::FrameType::kInvalidate, .request = ++request_, .deadline_us = kDeadlineUs},
        wire::Encode(wire::Invalidate{.job = job, .keys = keys})));
    Expect(wire::FrameType::kInvalidateAck);
  }

  struct Place {
    wire::Outcome outcome = wire::Outcome::kMiss;
    std::optional<wire::Placed> placed;
  };
  Place Locate(const hidden_state::StateKey& key, bool lease,
               const hidden_state::Rule& rule = kAnyAge) {
    EXPECT_TRUE(Ask(lease ? wire::FrameType::kLease : wire::FrameType::kLocate, {key}, rule));
    const Frame frame = Expect(wire::FrameType::kPlace);
    Expect(wire::FrameType::kGetEnd);
    Place place{.outcome = frame.header.outcome};
    if (place.outcome != wire::Outcome::kOk) return place;
    const auto placed = wire::DecodePlaced(frame.meta);
    EXPECT_TRUE(placed.ok()) << placed.status();
    if (placed.ok()) place.placed = *placed;
    return place;
  }

  bool Release(const std::vector<wire::LeasedPlace>& places) {
    return Send({.type = wire::FrameType::kRelease}, wire::EncodeRelease(places));
  }

  /// Everything sent so far has been handled once this returns true.
  bool Ping() {
    if (!Send({.type = wire::FrameType::kPing, .request = 99})) return false;
    return Expect(wire::FrameType::kPong).header.request == 99;
  }

 private:
  TestPeer(int family, const sockaddr* address, socklen_t size)
      : family_(family), socket_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    LRTI_CHECK(::setsockopt(fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    LRTI_CHECK(::setsockopt(fd(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0);
    connected_ = ::connect(fd(), address, size) == 0;
  }

  bool ReceiveBytes(std::span<std::byte> bytes, std::vector<OpenFile>* files) {
    while (!bytes.empty()) {
      iovec piece{bytes.data(), bytes.size()};
      alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
      msghdr message{};
      message.msg_iov = &piece;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      const ssize_t got = ::recvmsg(fd(), &message, MSG_CMSG_CLOEXEC);
      if (got <= 0) return false;
      bytes = bytes.subspan(static_cast<size_t>(got));
      for (cmsghdr* it = CMSG_FIRSTHDR(&message); it != nullptr; it = CMSG_NXTHDR(&message, it)) {
        for (size_t at = 0; at + sizeof(int) <= it->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
          int file = -1;
          std::memcpy(&file, CMSG_DATA(it) + at, sizeof file);
          OpenFile owned(file);
          EXPECT_NE(files, nullptr) << "descriptors out of place";
          if (files != nullptr) files->push_back(std::move(owned));
        }
      }
    }
    return true;
  }

  int family_;
  OpenFile socket_;
  bool connected_ = false;
  uint64_t request_ = 0;
};

}  // namespace lrti::cache
