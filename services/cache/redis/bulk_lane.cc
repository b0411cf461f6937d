#include "services/cache/redis/bulk_lane.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <tuple>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/base/status.h"

namespace lrti::cache {
namespace {

using boost::asio::as_tuple;
using boost::asio::awaitable;
using boost::asio::use_awaitable;
using Kind = RespReader::Kind;

absl::Status Broken(const boost::system::error_code& error) {
  return Error(absl::StatusCode::kUnavailable, "redis: {}", error.message());
}

std::string Encoded(const std::vector<std::string>& words) {
  std::string text = fmt::format("*{}\r\n", words.size());
  for (const std::string& word : words) text += fmt::format("${}\r\n{}\r\n", word.size(), word);
  return text;
}

std::span<std::byte> PlaceOf(std::span<std::byte> place, size_t chunk) {
  const std::span<std::byte> rest = place.subspan(chunk * wire::kRedisChunkBytes);
  return rest.first(std::min<size_t>(rest.size(), wire::kRedisChunkBytes));
}

absl::Status CheckCrcs(const BulkLane::Chunks& chunks, size_t chunk) {
  std::span<const std::byte> rest = PlaceOf(chunks.place, chunk);
  size_t crc = chunk * (wire::kRedisChunkBytes / wire::kChunkBytes);
  for (; !rest.empty(); ++crc) {
    const auto part = rest.first(std::min<size_t>(rest.size(), wire::kChunkBytes));
    if (Crc32c(part) != chunks.crcs[crc]) {
      return DataLoss("redis: {}: its bytes do not agree with their CRC", chunks.names[chunk]);
    }
    rest = rest.subspan(part.size());
  }
  return absl::OkStatus();
}

}  // namespace

BulkLane::BulkLane(boost::asio::io_context& io, Link& link) : io_(io), link_(link), socket_(io) {}

void BulkLane::Close() {
  boost::system::error_code ignored;  // what is closed is closed
  socket_.close(ignored);
}

awaitable<absl::Status> BulkLane::Read(Chunks chunks) {
  LRTI_CHECK(chunks.crcs.size() == wire::ChunkCount(chunks.place.size()));
  const auto running = std::make_shared<bool>(true);
  const auto expired = std::make_shared<bool>(false);
  boost::asio::steady_timer timer(io_, chunks.deadline);
  timer.async_wait([this, running, expired](const boost::system::error_code& error) {
    if (error || !*running) return;
    *expired = true;
    Close();
  });
  // A connection that was idle may be gone by now; that is seen only when it is used.
  absl::Status status = Error(absl::StatusCode::kUnavailable, "redis: not connected");
  if (socket_.is_open()) status = co_await ReadAll(chunks);
  if (absl::IsUnavailable(status) && !*expired) {
    Close();
    status = co_await Connect();
    if (status.ok()) status = co_await ReadAll(chunks);
  }
  *running = false;
  if (!status.ok()) Close();  // what was asked for may still come
  if (*expired) {
    co_return Error(absl::StatusCode::kDeadlineExceeded, "redis: no answer in time");
  }
  co_return status;
}

awaitable<absl::Status> BulkLane::Connect() {
  const std::optional<Link::Endpoint> peer = link_.Peer();
  if (!peer) co_return Error(absl::StatusCode::kUnavailable, "redis: not connected");
  reader_ = RespReader();
  const auto [error] = co_await socket_.async_connect(*peer, as_tuple(use_awaitable));
  if (error) co_return Broken(error);
  boost::system::error_code ignored;  // a Unix socket has no such option
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  const auto login = link_.Login();
  for (size_t i = 0; i < login.size(); ++i) reader_.Expect({});
  absl::Status status = co_await SendWords(login);
  for (size_t i = 0; status.ok() && i < login.size(); ++i) {
    RespReader::Answer answer;
    status = co_await NextAnswer(answer);
  }
  co_return status;
}

awaitable<absl::Status> BulkLane::ReadAll(const Chunks& chunks) {
  size_t asked = 0;
  for (size_t there = 0; there < chunks.names.size(); ++there) {
    // Half of the window at a time: fewer and larger writes.
    if (asked - there <= kChunksInFlightMax / 2) {
      std::vector<std::vector<std::string>> commands;
      for (; asked < std::min(there + kChunksInFlightMax, chunks.names.size()); ++asked) {
        commands.push_back({"GET", chunks.names[asked]});
        reader_.Expect(PlaceOf(chunks.place, asked));
      }
      const absl::Status sent = co_await SendWords(std::move(commands));
      if (!sent.ok()) co_return sent;
    }
    RespReader::Answer answer;
    absl::Status status = co_await NextAnswer(answer);
    if (status.ok() && answer.kind == Kind::kNil) {
      status = Error(absl::StatusCode::kNotFound, "redis: {} is gone", chunks.names[there]);
    }
    if (status.ok()) status = CheckCrcs(chunks, there);
    if (!status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

awaitable<absl::Status> BulkLane::SendWords(std::vector<std::vector<std::string>> commands) {
  std::string text;
  for (const std::vector<std::string>& words : commands) text += Encoded(words);
  if (text.empty()) co_return absl::OkStatus();
  const auto [error, bytes] = co_await boost::asio::async_write(socket_, boost::asio::buffer(text),
                                                                as_tuple(use_awaitable));
  co_return error ? Broken(error) : absl::OkStatus();
}

awaitable<absl::Status> BulkLane::NextAnswer(RespReader::Answer& answer) {
  for (;;) {
    if (auto next = reader_.Next()) {
      answer = *std::move(next);
      if (answer.kind != Kind::kError) co_return absl::OkStatus();
      co_return Error(absl::StatusCode::kFailedPrecondition, "redis: {}", answer.text);
    }
    const auto space = reader_.Space();
    const std::array buffers = {boost::asio::buffer(space[0].data(), space[0].size()),
                                boost::asio::buffer(space[1].data(), space[1].size())};
    const auto [error, bytes] = co_await socket_.async_read_some(buffers, as_tuple(use_awaitable));
    if (error) co_return Broken(error);
    const absl::Status status = reader_.Received(bytes);
    if (!status.ok()) co_return status;
  }
}

}  // namespace lrti::cache
