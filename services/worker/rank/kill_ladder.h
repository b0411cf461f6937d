#pragma once

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/time/time.h"

namespace lrti::worker {

/// How processes are brought to their end: SIGTERM, so that they save; after a grace SIGKILL, again
/// and again. A plain value; `now` is steady time.
class KillLadder {
 public:
  /// Asks for the end. Asked again, a shorter grace counts from now; a longer one changes nothing.
  void Stop(absl::Duration grace, absl::Duration now) {
    stopping_ = true;
    kill_at_ = std::min(kill_at_, now + grace);
  }

  void Kill(absl::Duration now) { Stop(absl::ZeroDuration(), now); }

  bool stopping() const { return stopping_; }

  /// The signal to send now, 0 for none: SIGTERM once, SIGKILL every second.
  int Due(absl::Duration now) {
    if (!stopping_) return 0;
    if (now >= kill_at_) {
      if (now < next_kill_) return 0;
      next_kill_ = now + absl::Seconds(1);
      return SIGKILL;
    }
    return std::exchange(asked_, true) ? 0 : SIGTERM;
  }

 private:
  bool stopping_ = false;
  bool asked_ = false;
  absl::Duration kill_at_ = absl::InfiniteDuration();
  absl::Duration next_kill_ = -absl::InfiniteDuration();
};

}  // namespace lrti::worker
