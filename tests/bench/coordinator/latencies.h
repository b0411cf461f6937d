#pragma once

#include <algorithm>
#include <vector>

#include "absl/time/time.h"
#include "common/base/mutex.h"

namespace lrti::bench {

/// Times of calls, from several threads.
class Latencies {
 public:
  void Add(absl::Duration time) {
    MutexLock lock(mutex_);
    milliseconds_.push_back(absl::ToDoubleMilliseconds(time));
  }

  size_t count() const {
    MutexLock lock(mutex_);
    return milliseconds_.size();
  }

  /// In milliseconds; `part` 0.5 is the median. 0 without any.
  double Quantile(double part) const {
    MutexLock lock(mutex_);
    if (milliseconds_.empty()) return 0;
    std::vector<double> sorted = milliseconds_;
    std::sort(sorted.begin(), sorted.end());
    return sorted[static_cast<size_t>(part * static_cast<double>(sorted.size() - 1))];
  }

 private:
  mutable Mutex mutex_;
  std::vector<double> milliseconds_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lrti::bench
