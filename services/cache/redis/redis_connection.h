#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/hidden_state/wire/bytes.h"
#include "services/cache/redis/address.h"

namespace boost::asio {
class io_context;
}

namespace lrti::cache {

/// What Redis answered; an error that it answered is a status instead.
struct RedisValue {
  enum class Kind : uint8_t { kNil, kText, kInteger, kList };
  Kind kind = Kind::kNil;
  std::string text;
  int64_t integer = 0;
  std::vector<RedisValue> list;
};

/// A connection for commands with small answers; commands are pipelined. For values of states see
/// bulk_lane.h.
///
/// Belongs to the thread that runs `io`, in which all callbacks run. Each command is answered
/// exactly once, by its timeout: DeadlineExceeded when it passed, Unavailable when the connection
/// is down or goes down, FailedPrecondition with the text of an error, ResourceExhausted when
/// kCommandsMax are under way. An answer may come before Send returns.
class RedisConnection {
 public:
  static constexpr size_t kCommandsMax = 4096;
  using Answered = std::function<void(absl::StatusOr<RedisValue>)>;

  /// `lost` is called when an open connection goes down by itself; it may call Close or Open.
  RedisConnection(boost::asio::io_context& io, std::function<void(const absl::Status&)> lost);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  /// Begins to connect; commands may be sent at once and wait for it. A name of a host is looked up
  /// before this returns. Errors: Unavailable.
  absl::Status Open(const RedisAddress& address);

  /// Answers what is under way with Unavailable.
  void Close();

  /// `words` are copied.
  void Send(const std::vector<wire::ByteView>& words, absl::Duration timeout, Answered answered);

  /// The socket, to ask for its peer's address; -1 when closed.
  int fd() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// A word of a command.
inline wire::ByteView Word(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace lrti::cache
