#pragma once

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/mutex.h"

namespace lrti {

/// Where time comes from. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Wall-clock time, for people and for files. It may jump.
  virtual absl::Time Now() const = 0;

  /// Time since some fixed moment; never goes back and knows no jumps. For ages and durations.
  virtual absl::Duration Steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  absl::Duration Steady() const override;
};

/// Stands still until a test moves it.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time start = absl::UnixEpoch()) : now_(start) {}

  absl::Time Now() const override {
    MutexLock lock(mutex_);
    return now_;
  }

  absl::Duration Steady() const override {
    MutexLock lock(mutex_);
    return steady_;
  }

  /// Lets time pass on both scales.
  void Advance(absl::Duration by) {
    MutexLock lock(mutex_);
    now_ += by;
    steady_ += by;
  }

  /// Makes the wall clock jump, as a correction of the system's time does.
  void JumpTo(absl::Time now) {
    MutexLock lock(mutex_);
    now_ = now;
  }

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
  absl::Duration steady_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lrti
