#pragma once

#include <string>

#include "absl/time/time.h"
#include "common/base/clock.h"

namespace lrti::vsr {

/// Shows on stderr how far one piece of work is and when it will be done: on a terminal a line that
/// is redrawn, elsewhere a plain line now and then. Not thread-safe.
class WorkBar {
 public:
  WorkBar(std::string what, bool terminal, const Clock& clock);
  ~WorkBar();
  WorkBar(const WorkBar&) = delete;
  WorkBar& operator=(const WorkBar&) = delete;

  /// `done`: 0 to 1. `note` stands behind the time that is left.
  void Show(double done, const std::string& note);

  absl::Duration elapsed() const { return clock_.Steady() - begin_; }

 private:
  const std::string what_;
  const bool terminal_;
  const Clock& clock_;
  const absl::Duration begin_;
  absl::Duration last_ = -absl::InfiniteDuration();
  bool drawn_ = false;
};

}  // namespace lrti::vsr
