#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::hidden_state::client {

/// The moment by which a call has ended. The clock must outlive it.
class Deadline {
 public:
  Deadline(const Clock& clock, absl::Duration budget)
      : clock_(&clock), end_(clock.Steady() + budget) {}

  absl::Duration now() const { return clock_->Steady(); }
  absl::Duration Left() const { return std::max(end_ - now(), absl::ZeroDuration()); }
  bool Passed() const { return now() >= end_; }

  /// What is left, as frames say it: never zero, which would mean that there is none.
  uint64_t LeftOnWire() const {
    const int64_t left = absl::ToInt64Microseconds(Left());
    return std::clamp<uint64_t>(static_cast<uint64_t>(left), 1, wire::kDeadlineUsMax);
  }

 private:
  const Clock* clock_;
  absl::Duration end_;
};

}  // namespace lrti::hidden_state::client
