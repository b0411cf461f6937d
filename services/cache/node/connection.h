#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "common/hidden_state/wire/bytes.h"
#include "common/hidden_state/wire/frame.h"

namespace lrti::cache {

using Socket = boost::asio::generic::stream_protocol::socket;
using SteadyTime = std::chrono::steady_clock::time_point;
template <typename Value>
using Awaitable = boost::asio::awaitable<Value>;

/// Frames in and out of one socket, TCP or Unix, each within its time.
///
/// Used by one thread: that of its socket's io_context, which also calls Late now and then. Errors:
/// Unavailable when the peer left or Close was called; DataLoss for bytes that are no frame.
class Connection {
 public:
  /// `scratch` takes what is thrown away; connections of one thread may share it.
  Connection(Socket socket, std::chrono::milliseconds frame_timeout, std::span<std::byte> scratch)
      : socket_(std::move(socket)), frame_timeout_(frame_timeout), scratch_(scratch) {}

  /// The next header. Its first byte may take until `first_byte_by`, the rest of the header and
  /// what is read behind it each a frame's time.
  Awaitable<absl::StatusOr<wire::FrameHeader>> ReadHeader(SteadyTime first_byte_by);
  Awaitable<absl::Status> Read(std::span<std::byte> bytes);
  /// How much of them came, until `by`: for who does something with each part while it is in the
  /// processor's cache.
  Awaitable<absl::StatusOr<size_t>> ReadSome(std::span<std::byte> bytes, SteadyTime by);
  Awaitable<absl::Status> Discard(uint64_t bytes);

  /// Whether a whole header has come already.
  bool HasHeader();

  /// All of it, in order, within a frame's time.
  using Buffers = std::array<boost::asio::const_buffer, 3>;
  Awaitable<absl::Status> Write(Buffers buffers);

  /// All of it now; false when the socket does not take it, and the connection is of no use then.
  /// REQUIRES: no Write under way.
  bool WriteNow(wire::ByteView bytes);

  /// The same with descriptors that come with the first byte. REQUIRES: a Unix socket.
  bool WriteNow(wire::ByteView bytes, std::span<const int> descriptors);

  bool writing() const { return writing_; }

  /// Whether what is being waited for should have come by now.
  bool Late(SteadyTime now) const { return now >= deadline_; }
  void SetDeadline(SteadyTime deadline) { deadline_ = deadline; }
  SteadyTime FrameDeadline() const { return std::chrono::steady_clock::now() + frame_timeout_; }

  /// Says that nothing more is sent, and takes what the peer had sent, so that it can read the last
  /// frame: closing at once could destroy that on its way.
  Awaitable<void> Finish(SteadyTime by);

  /// What is under way ends with Unavailable.
  void Close();

 private:
  void SetLowWater(size_t bytes);

  Socket socket_;
  const std::chrono::milliseconds frame_timeout_;
  const std::span<std::byte> scratch_;
  SteadyTime deadline_ = SteadyTime::max();
  bool writing_ = false;
  size_t low_water_ = 1;  // bytes without which the socket is not ready
};

}  // namespace lrti::cache
