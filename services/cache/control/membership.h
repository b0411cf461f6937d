#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "common/base/mutex.h"
#include "services/cache/control/control_server.h"

namespace lrti::cache {

/// Who shares the keys, and who wants to know. Thread-safe; calls watchers without its lock.
class Membership {
 public:
  explicit Membership(Member self) : self_(std::move(self)) {}

  struct View {
    uint64_t epoch = 0;
    Member self;
    bool closing = false;  // there will be no more changes
  };
  View Get() const {
    MutexLock lock(mutex_);
    return {epoch_, self_, closing_};
  }

  /// A weight that differs from the last one makes a new epoch.
  void SetWeight(double weight) {
    Apply([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      if (self_.weight == weight) return false;
      self_.weight = weight;
      ++epoch_;
      return true;
    });
  }

  void Close() {
    Apply([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closing_ = true; });
  }

  /// Calls `changed` after each change from now on, by any thread, perhaps once after Leave.
  /// Nothing where `watchers_max` are there.
  std::optional<uint64_t> Watch(size_t watchers_max, std::function<void()> changed) {
    MutexLock lock(mutex_);
    if (watchers_.size() >= watchers_max) return std::nullopt;
    watchers_.emplace(++last_watcher_, std::move(changed));
    return last_watcher_;
  }
  void Leave(uint64_t watcher) {
    MutexLock lock(mutex_);
    watchers_.erase(watcher);
  }

 private:
  // Makes a change and, where it was one, calls all watchers.
  template <typename Change>
  void Apply(const Change& change) {
    std::map<uint64_t, std::function<void()>> to_call;
    {
      MutexLock lock(mutex_);
      if (change()) to_call = watchers_;
    }
    for (const auto& [id, changed] : to_call) changed();
  }

  mutable Mutex mutex_;
  Member self_ ABSL_GUARDED_BY(mutex_);
  uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 1;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_watcher_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, std::function<void()>> watchers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lrti::cache
