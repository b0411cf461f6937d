#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace lrti {

/// How long something took, counted by bounds from ten microseconds to a day. Thread-safe without a
/// lock: an Observe is two additions.
class DurationHistogram {
 public:
  /// Upper bounds in seconds; what took longer is counted behind the last.
  static constexpr std::array kBounds = {1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1,
                                         1.0,  3.0,  10.0, 30.0, 1e2,  3e2,  1e3,  3e3,  1e4,  1e5};

  struct Counts {
    std::array<uint64_t, kBounds.size() + 1> within = {};  // those of smaller bounds not included
    double seconds = 0;                                    // all together

    void Add(absl::Duration duration) {
      ++within[BoundOf(duration)];
      seconds += absl::ToDoubleSeconds(duration);
    }
    bool operator==(const Counts&) const = default;
  };

  void Observe(absl::Duration duration) {
    ++within_[BoundOf(duration)];
    nanoseconds_ += absl::ToInt64Nanoseconds(duration);
  }

  /// What was observed so far; of what is observed meanwhile a part may be missing.
  Counts Get() const {
    Counts counts;
    for (size_t i = 0; i < within_.size(); ++i) counts.within[i] = within_[i];
    counts.seconds = static_cast<double>(nanoseconds_) / 1e9;
    return counts;
  }

 private:
  static size_t BoundOf(absl::Duration duration) {
    const auto bound = std::ranges::lower_bound(kBounds, absl::ToDoubleSeconds(duration));
    return static_cast<size_t>(bound - kBounds.begin());
  }

  std::array<std::atomic<uint64_t>, kBounds.size() + 1> within_ = {};
  std::atomic<int64_t> nanoseconds_ = 0;
};

}  // namespace lrti
