#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "common/base/mutex.h"
#include "common/hidden_state/key.h"

namespace lrti::hidden_state::client {

/// Which states a process put into a cache and did not see go. Nodes evict without telling, so it
/// holds no fewer than are there; beyond kStatesMax it counts no more. Thread-safe.
class Ledger {
 public:
  static constexpr size_t kStatesMax = size_t{1} << 18;

  struct Sum {
    uint64_t states = 0;
    uint64_t bytes = 0;
  };

  void Add(const StateKey& key, uint64_t bytes) {
    MutexLock lock(mutex_);
    const auto found = bytes_of_.find(key);
    if (found != bytes_of_.end()) {
      bytes_ += bytes - found->second;
      found->second = bytes;
    } else if (bytes_of_.size() < kStatesMax) {
      bytes_ += bytes;
      bytes_of_.emplace(key, bytes);
    }
  }

  void Remove(const StateKey& key) {
    MutexLock lock(mutex_);
    if (const auto found = bytes_of_.find(key); found != bytes_of_.end()) Remove(found);
  }

  void RemoveJob(uint64_t job) {
    MutexLock lock(mutex_);
    StateKey first;  // the job leads the order of keys, and zero is the least of all other fields
    first.job = job;
    auto state = bytes_of_.lower_bound(first);
    while (state != bytes_of_.end() && state->first.job == job) state = Remove(state);
  }

  Sum Total() const {
    MutexLock lock(mutex_);
    return {bytes_of_.size(), bytes_};
  }

 private:
  using States = std::map<StateKey, uint64_t>;

  States::iterator Remove(States::iterator state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    bytes_ -= state->second;
    return bytes_of_.erase(state);
  }

  mutable Mutex mutex_;
  States bytes_of_ ABSL_GUARDED_BY(mutex_);
  uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lrti::hidden_state::client
