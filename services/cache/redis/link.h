#pragma once

#include <atomic>
#include <boost/asio/generic/stream_protocol.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "services/cache/redis/alarm.h"
#include "services/cache/redis/backoff.h"
#include "services/cache/redis/redis_connection.h"

namespace lrti::cache {

using Warn = std::function<void(const std::string&)>;

/// Keeps one connection for commands up: tries again and again while Redis is not there, and gives
/// one up that does not answer. While it is down every command fails at once.
///
/// Belongs to the thread that runs `io`; up, demotes and reconnects may be read by any.
class Link {
 public:
  struct Options {
    RedisAddress address;
    std::string user;
    std::string password;
    int64_t database = 0;
    absl::Duration timeout = absl::Seconds(1);
  };

  /// `warn` is told, in few words, when Redis goes and comes.
  Link(boost::asio::io_context& io, Options options, Warn warn);

  /// Runs until Stop.
  boost::asio::awaitable<void> Run();
  void Stop();

  bool up() const { return up_; }
  /// Whether this Redis makes room for new states by dropping old ones: one with `noeviction`
  /// would fill up and then refuse everybody's writes.
  bool demotes() const { return up_ && evicts_; }
  uint64_t reconnects() const { return reconnects_; }

  /// A command and its answer, as of RedisConnection. So many in a row without an answer in time
  /// bring the link down.
  boost::asio::awaitable<absl::StatusOr<RedisValue>> Ask(std::vector<wire::ByteView> words,
                                                         absl::Duration timeout);

  /// The same without waiting.
  void Send(const std::vector<wire::ByteView>& words, absl::Duration timeout,
            RedisConnection::Answered answered);

  /// For other connections to the same Redis: where it is, and what is to be said first.
  using Endpoint = boost::asio::generic::stream_protocol::endpoint;
  std::optional<Endpoint> Peer() const;
  std::vector<std::vector<std::string>> Login() const;

  const Options& options() const { return options_; }
  /// Wakes when the link went up or down.
  Alarm& changed() { return changed_; }

 private:
  boost::asio::awaitable<absl::Status> Greet();
  boost::asio::awaitable<absl::Status> StayUp();
  void Lost(const absl::Status& why);
  void Say(const std::string& news);

  Options options_;
  Warn warn_;
  boost::asio::io_context& io_;
  Alarm changed_;
  Backoff backoff_;
  Breaker breaker_;
  absl::Status lost_;  // why the connection went down, until Run took note
  std::string last_news_;
  bool stopping_ = false;
  std::atomic<bool> up_ = false;
  std::atomic<bool> evicts_ = false;
  std::atomic<uint64_t> reconnects_ = 0;
  RedisConnection connection_;
};

}  // namespace lrti::cache
