#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "common/base/random.h"

namespace lrti::cache {

/// How long to wait before the next try: twice as long each time, up to a maximum, and somewhere in
/// the upper half of that, so that many nodes do not come back at once. A plain value.
class Backoff {
 public:
  Backoff(absl::Duration first, absl::Duration longest, uint64_t seed)
      : first_(first), longest_(longest), next_(first), random_({seed}) {}

  absl::Duration Next() {
    const absl::Duration wait = next_;
    next_ = std::min(2 * next_, longest_);
    return wait * (0.5 + 0.5 * static_cast<double>(random_.Below(1024)) / 1024);
  }

  void Reset() { next_ = first_; }

 private:
  absl::Duration first_;
  absl::Duration longest_;
  absl::Duration next_;
  Random random_;
};

/// Trips when a peer failed to answer so many times in a row. A plain value.
class Breaker {
 public:
  explicit Breaker(uint32_t failures_max) : failures_max_(failures_max) {}

  void Succeeded() { failures_ = 0; }

  /// True when this failure is the one too many; counting begins anew then.
  bool Failed() {
    if (++failures_ < failures_max_) return false;
    failures_ = 0;
    return true;
  }

 private:
  uint32_t failures_max_;
  uint32_t failures_ = 0;
};

}  // namespace lrti::cache
