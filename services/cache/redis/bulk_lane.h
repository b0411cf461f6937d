#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <span>
#include <string>
#include <vector>

#include "common/hidden_state/wire/limits.h"
#include "services/cache/redis/link.h"
#include "services/cache/redis/resp_reader.h"

namespace lrti::cache {

/// A connection that reads the chunks of one state at a time, straight into place.
///
/// Belongs to the thread that runs `io`. `link` outlives it.
class BulkLane {
 public:
  /// Chunks that Redis is asked for ahead of those that are there.
  static constexpr size_t kChunksInFlightMax = 4;

  BulkLane(boost::asio::io_context& io, Link& link);

  struct Chunks {
    std::vector<std::string> names;  // of kRedisChunkBytes each, the last one of what is left
    std::span<std::byte> place;      // for all of them, in order
    std::span<const uint32_t> crcs;  // one for each wire::kChunkBytes
    Alarm::Clock::time_point deadline;
  };

  /// Puts the chunks in place; not a byte is written after it answered. Errors: NotFound for a
  /// missing chunk, DataLoss for wrong bytes, DeadlineExceeded, Unavailable, FailedPrecondition for
  /// what Redis refused.
  boost::asio::awaitable<absl::Status> Read(Chunks chunks);

  /// Ends a Read that is under way.
  void Close();

 private:
  boost::asio::awaitable<absl::Status> Connect();
  boost::asio::awaitable<absl::Status> ReadAll(const Chunks& chunks);
  boost::asio::awaitable<absl::Status> SendWords(std::vector<std::vector<std::string>> commands);
  boost::asio::awaitable<absl::Status> NextAnswer(RespReader::Answer& answer);

  boost::asio::io_context& io_;
  Link& link_;
  boost::asio::generic::stream_protocol::socket socket_;
  RespReader reader_;
};

}  // namespace lrti::cache
