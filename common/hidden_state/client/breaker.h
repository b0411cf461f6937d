#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace lrti::hidden_state::client {

/// Spares callers a node that does not answer: after a failure nobody asks it for a pause, then one
/// caller at a time tries, with twice the pause after each failure. One success ends it.
///
/// A plain value; times are those of Clock::Steady.
class Breaker {
 public:
  struct Pauses {
    absl::Duration first = absl::Milliseconds(50);
    absl::Duration longest = absl::Seconds(2);
  };

  Breaker() = default;
  explicit Breaker(const Pauses& pauses) : pauses_(pauses) {}

  /// Whether the node may be asked. A caller that was let through after a pause need not report
  /// back: the next one may try after another pause.
  bool Admit(absl::Duration now) {
    if (!open_) return true;
    if (Refuses(now)) return false;
    pause_ = std::min(2 * pause_, pauses_.longest);
    next_try_ = now + pause_;
    return true;
  }

  /// Whether Admit would say no; changes nothing.
  bool Refuses(absl::Duration now) const { return open_ && now < next_try_; }

  /// The node answered.
  void Succeed() { open_ = false; }

  /// It did not. Several callers may report the same trouble: it counts once.
  void Fail(absl::Duration now) {
    if (!open_) pause_ = pauses_.first;
    open_ = true;
    next_try_ = now + pause_;
  }

  bool open() const { return open_; }

 private:
  Pauses pauses_;
  bool open_ = false;
  absl::Duration pause_;
  absl::Duration next_try_;
};

}  // namespace lrti::hidden_state::client
