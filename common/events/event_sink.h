#pragma once

#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "nlohmann/json.hpp"

namespace lrti::events {

/// One event: an object whose `event` names its kind (kinds.h). `ts` and `seq` are the sink's.
using Event = nlohmann::ordered_json;

/// Takes events. Thread-safe; never fails in a way that stops the caller's work.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void Emit(const Event& event) = 0;
};

/// Hands each event to several sinks, in order. They outlive it.
class TeeSink final : public EventSink {
 public:
  explicit TeeSink(std::vector<EventSink*> sinks) : sinks_(std::move(sinks)) {}

  void Emit(const Event& event) override {
    for (EventSink* sink : sinks_) sink->Emit(event);
  }

 private:
  std::vector<EventSink*> sinks_;
};

/// Forgets every event: nobody watches.
class NullSink final : public EventSink {
 public:
  void Emit(const Event&) override {}
};

/// For tests: keeps events in memory.
class MemorySink final : public EventSink {
 public:
  void Emit(const Event& event) override {
    MutexLock lock(mutex_);
    events_.push_back(event);
  }

  std::vector<Event> events() const {
    MutexLock lock(mutex_);
    return events_;
  }

  /// The events of one kind, in order.
  std::vector<Event> Of(const std::string& kind) const {
    std::vector<Event> found;
    for (const Event& event : events()) {
      if (event.value("event", "") == kind) found.push_back(event);
    }
    return found;
  }

 private:
  mutable Mutex mutex_;
  std::vector<Event> events_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lrti::events
