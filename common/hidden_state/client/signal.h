#pragma once

#include <cstdint>

#include "common/base/mutex.h"
#include "common/hidden_state/client/deadline.h"

namespace lrti::hidden_state::client {

/// Tells callers who wait for something scarce that there may be some now. Thread-safe.
class Signal {
 public:
  /// How often it was raised: read it before looking, then wait for the next.
  uint64_t count() const {
    MutexLock lock(mutex_);
    return count_;
  }

  void Raise() {
    MutexLock lock(mutex_);
    ++count_;
    raised_.notify_all();
  }

  /// Until it is raised once more than `seen`, or the deadline.
  void WaitBeyond(uint64_t seen, const Deadline& deadline) {
    MutexLock lock(mutex_);
    while (count_ <= seen && !deadline.Passed()) {
      raised_.wait_for(mutex_, absl::ToChronoNanoseconds(deadline.Left()));
    }
  }

 private:
  mutable Mutex mutex_;
  CondVar raised_;
  uint64_t count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lrti::hidden_state::client
