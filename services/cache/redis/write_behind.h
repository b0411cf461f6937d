#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "common/base/mutex.h"
#include "services/cache/node/tier.h"
#include "services/cache/redis/link.h"
#include "services/cache/redis/ring_space.h"
#include "services/cache/redis/token_bucket.h"

namespace lrti::cache {

/// States on their way to Redis, in a buffer made once: what does not fit is dropped.
///
/// Push, Cancel and the counters are thread-safe; the rest belongs to the thread that runs `io`.
class WriteBehind {
 public:
  static constexpr size_t kStatesMax = 4096;

  struct Options {
    uint64_t queue_bytes = 0;
    uint64_t bytes_per_second = 0;
    absl::Duration keep;
  };

  /// `link` outlives it.
  WriteBehind(boost::asio::io_context& io, Link& link, const Options& options);

  /// Copies a state, to be written in its turn. False when it was dropped.
  bool Push(TierItem item, std::span<const std::byte> payload);

  /// States whose key is one of those are not written any more; one that is being written does not
  /// become visible.
  void Cancel(const std::function<bool(const hidden_state::StateKey&)>& is_one);

  /// Runs until Stop.
  boost::asio::awaitable<void> Run();
  void Stop();

  /// Jobs for which Redis was told that a state is there, but did not confirm it: that may still
  /// come true, and cannot be taken back.
  bool Unsure(uint64_t job) const { return unsure_.contains(job); }

  uint64_t queued() const;
  uint64_t written() const { return written_; }
  uint64_t written_bytes() const { return written_bytes_; }
  uint64_t dropped() const { return dropped_; }

 private:
  struct Entry {
    TierItem item;
    uint64_t offset = 0;
    bool ready = false;
    std::atomic<bool> cancelled = false;
  };

  std::shared_ptr<Entry> Front();
  void Pop();
  boost::asio::awaitable<absl::Status> Write(const Entry& entry);
  boost::asio::awaitable<absl::Status> WriteChunks(const Entry& entry);
  boost::asio::awaitable<absl::Status> Enter(const Entry& entry);
  boost::asio::awaitable<absl::Status> Set(const std::string& name, wire::ByteView value);
  boost::asio::awaitable<void> Pace(uint64_t bytes);

  boost::asio::io_context& io_;
  Link& link_;
  const Options options_;
  std::vector<std::byte> buffer_;
  TokenBucket bucket_;
  Alarm work_;
  Alarm pace_;
  bool stopping_ = false;
  std::set<uint64_t> unsure_;
  std::atomic<uint64_t> written_ = 0;
  std::atomic<uint64_t> written_bytes_ = 0;
  std::atomic<uint64_t> dropped_ = 0;

  mutable Mutex mutex_;
  RingSpace space_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<Entry>> queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lrti::cache
