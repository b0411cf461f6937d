#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "common/base/mutex.h"
#include "common/hidden_state/key.h"
#include "services/cache/redis/link.h"
#include "services/cache/redis/write_behind.h"

namespace lrti::cache {

/// Makes Redis forget, and until it has, remembers what must not be looked for there.
///
/// Add, Blocks and waiting are thread-safe; the rest belongs to the thread that runs `io`.
class Forgetter {
 public:
  /// What is remembered at most. Beyond it, whole jobs are forgotten instead of single states, and
  /// in the end nothing is looked for any more.
  static constexpr size_t kKeysMax = 1 << 16;
  static constexpr size_t kJobsMax = 1 << 16;
  static constexpr size_t kTasksMax = 4096;

  /// Both outlive it.
  Forgetter(boost::asio::io_context& io, Link& link, const WriteBehind& writes);

  void Add(uint64_t job);
  void Add(std::span<const hidden_state::StateKey> keys);

  bool Blocks(const hidden_state::StateKey& key) const;

  /// Runs until Stop.
  boost::asio::awaitable<void> Run();
  void Stop();

  uint64_t waiting() const;

 private:
  struct Task {
    uint64_t job = 0;
    std::vector<hidden_state::StateKey> keys;  // of that job; none: all of it
  };

  void Push(Task task);
  void Unblock(const Task& task);
  void Carried(const Task& task);
  boost::asio::awaitable<absl::Status> Forget(const Task& task);
  boost::asio::awaitable<absl::Status> ForgetJob(const Task& task);
  boost::asio::awaitable<absl::Status> ForgetKeys(const Task& task);
  boost::asio::awaitable<void> DeleteListed(std::string index);
  boost::asio::awaitable<absl::Status> Delete(std::vector<std::string> names);
  boost::asio::awaitable<absl::StatusOr<RedisValue>> Ask(std::vector<std::string> words);

  boost::asio::io_context& io_;
  Link& link_;
  const WriteBehind& writes_;
  Alarm work_;
  bool stopping_ = false;
  uint64_t salt_;

  mutable Mutex mutex_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, uint32_t> jobs_ ABSL_GUARDED_BY(mutex_);
  std::map<hidden_state::StateKey, uint32_t> keys_ ABSL_GUARDED_BY(mutex_);
  std::set<uint64_t> hidden_ ABSL_GUARDED_BY(mutex_);  // jobs that are not looked for ever again
  bool blocks_all_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace lrti::cache
