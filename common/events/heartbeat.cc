#include "common/events/heartbeat.h"

#include <condition_variable>
#include <mutex>

#include "common/events/kinds.h"

namespace lrti::events {

Event HeartbeatEvent(const Progress& progress) {
  const Progress::View view = progress.Read();
  return {{"event", kind::kHeartbeat},
          {"step", view.step},
          {"epoch", view.epoch},
          {"phase", PhaseName(view.phase)},
          {"phase_age_s", absl::ToDoubleSeconds(view.phase_age)},
          {"memory_bytes", view.memory_bytes}};
}

Heartbeat::Heartbeat(const Progress& progress, EventSink& sink, absl::Duration period)
    : progress_(progress),
      sink_(sink),
      thread_([this, period](const std::stop_token& stop) { Run(stop, period); }) {}

void Heartbeat::Run(const std::stop_token& stop, absl::Duration period) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    sink_.Emit(HeartbeatEvent(progress_));
    stopped.wait_for(lock, stop, absl::ToChronoNanoseconds(period), [] { return false; });
  }
}

}  // namespace lrti::events
