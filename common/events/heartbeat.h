#pragma once

#include <thread>

#include "absl/time/time.h"
#include "common/events/event_sink.h"
#include "common/events/progress.h"

namespace lrti::events {

/// Emits `heartbeat` with the state of `progress`, at once and then every `period`, from a thread
/// of its own, until it goes away. A thread that hangs in a kernel or a file system keeps its step
/// and lets phase_age_s grow, while the heartbeat goes on. Both references outlive it.
class Heartbeat {
 public:
  Heartbeat(const Progress& progress, EventSink& sink, absl::Duration period = absl::Seconds(1));

 private:
  void Run(const std::stop_token& stop, absl::Duration period);

  const Progress& progress_;
  EventSink& sink_;
  std::jthread thread_;  // last: it uses the others
};

/// One beat.
Event HeartbeatEvent(const Progress& progress);

}  // namespace lrti::events
