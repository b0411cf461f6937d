#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/events/event_sink.h"

namespace lrti::vsr {

/// Shows events to a person, on stderr: on a terminal one line that is redrawn (step, loss, PSNR,
/// steps a second, time left, memory); elsewhere a plain line now and then. Thread-safe.
class ProgressBar final : public events::EventSink {
 public:
  ProgressBar(bool terminal, const Clock& clock) : terminal_(terminal), clock_(clock) {}
  ~ProgressBar() override;

  void Emit(const events::Event& event) override;

 private:
  void OnStep(const events::Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnPhase(const std::string& phase) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Print(const std::string& line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Redraw(const std::string& line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const bool terminal_;
  const Clock& clock_;
  Mutex mutex_;
  bool drawn_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t iterations_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration last_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

/// How long a bar stays as it is: on a terminal it is redrawn, elsewhere each time adds a line.
absl::Duration DrawnEvery(bool terminal);

/// A bar of fixed width, filled up to `done`, 0 to 1.
std::string Bar(double done);

/// "1h02m", "3m20s", "45s".
std::string ShortDuration(absl::Duration duration);

/// "1.5 GiB", "412 MiB".
std::string ShortBytes(int64_t bytes);

}  // namespace lrti::vsr
