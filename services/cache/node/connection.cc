#include "services/cache/node/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstring>

#include "common/base/check.h"
#include "common/base/status.h"

namespace lrti::cache {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

constexpr auto kResult = asio::as_tuple(asio::use_awaitable);
constexpr size_t kDescriptorsMax = 2;
constexpr size_t kPartBytes = 256 << 10;  // read at once: it is still in the second cache then
constexpr size_t kWakeBytes = 64 << 10;   // to wake for less would cost more than to wait

// All that is left in one system call; asio's own condition cuts transfers at 64 KiB.
size_t All(const ErrorCode& error, size_t) { return error ? 0 : SIZE_MAX; }

absl::Status Gone(const ErrorCode& error) {
  return Error(absl::StatusCode::kUnavailable, "lane: {}", error.message());
}

}  // namespace

Awaitable<absl::StatusOr<wire::FrameHeader>> Connection::ReadHeader(SteadyTime first_byte_by) {
  wire::HeaderBytes bytes;
  deadline_ = first_byte_by;
  SetLowWater(1);
  const auto [error, begun] = co_await socket_.async_read_some(asio::buffer(bytes), kResult);
  if (error) co_return Gone(error);
  absl::Status rest = co_await Read(std::span(bytes).subspan(begun));
  if (!rest.ok()) co_return rest;
  co_return wire::DecodeHeader(bytes);
}

Awaitable<absl::Status> Connection::Read(std::span<std::byte> bytes) {
  deadline_ = FrameDeadline();
  if (bytes.empty()) co_return absl::OkStatus();
  SetLowWater(1);
  const auto [error, size] =
      co_await asio::async_read(socket_, asio::buffer(bytes.data(), bytes.size()), All, kResult);
  co_return error ? Gone(error) : absl::OkStatus();
}

Awaitable<absl::StatusOr<size_t>> Connection::ReadSome(std::span<std::byte> bytes, SteadyTime by) {
  deadline_ = by;
  SetLowWater(std::min(bytes.size(), kWakeBytes));
  const auto part = bytes.first(std::min(bytes.size(), kPartBytes));
  const auto [error, size] =
      co_await socket_.async_read_some(asio::buffer(part.data(), part.size()), kResult);
  if (error) co_return Gone(error);
  co_return size;
}

// Where it cannot be set the socket is closed: one that is never ready would wait for its deadline.
void Connection::SetLowWater(size_t bytes) {
  if (bytes == low_water_) return;
  ErrorCode error;
  socket_.set_option(asio::socket_base::receive_low_watermark(static_cast<int>(bytes)), error);
  if (error) return Close();
  low_water_ = bytes;
}

Awaitable<absl::Status> Connection::Discard(uint64_t bytes) {
  while (bytes > 0) {
    const uint64_t some = std::min<uint64_t>(bytes, scratch_.size());
    absl::Status status = co_await Read(scratch_.first(some));
    if (!status.ok()) co_return status;
    bytes -= some;
  }
  co_return absl::OkStatus();
}

bool Connection::HasHeader() {
  ErrorCode error;
  return socket_.available(error) >= wire::kHeaderBytes && !error;
}

Awaitable<absl::Status> Connection::Write(Buffers buffers) {
  deadline_ = FrameDeadline();
  writing_ = true;
  const auto [error, size] = co_await asio::async_write(socket_, buffers, All, kResult);
  writing_ = false;
  co_return error ? Gone(error) : absl::OkStatus();
}

bool Connection::WriteNow(wire::ByteView bytes) { return WriteNow(bytes, {}); }

bool Connection::WriteNow(wire::ByteView bytes, std::span<const int> descriptors) {
  LRTI_CHECK(!writing_ && descriptors.size() <= kDescriptorsMax);
  if (!socket_.is_open()) return false;
  iovec piece{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(kDescriptorsMax * sizeof(int))] = {};
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(bytes.size());
}

Awaitable<void> Connection::Finish(SteadyTime by) {
  ErrorCode error;
  socket_.shutdown(Socket::shutdown_send, error);
  deadline_ = by;
  // A peer that goes on sending is cut off at the deadline.
  while (!error && socket_.is_open()) {
    const auto [read_error, size] =
        co_await socket_.async_read_some(asio::buffer(scratch_.data(), scratch_.size()), kResult);
    error = read_error;
  }
}

void Connection::Close() {
  ErrorCode ignored;  // of a socket that the peer has closed
  socket_.close(ignored);
}

}  // namespace lrti::cache
