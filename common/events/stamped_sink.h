#pragma once

#include <string>
#include <utility>

#include "common/events/event_sink.h"

namespace lrti::events {

/// Adds a field to every event that lacks it, and hands the event on. The sink outlives it.
class StampedSink final : public EventSink {
 public:
  StampedSink(EventSink& sink, std::string key, Event value)
      : sink_(sink), key_(std::move(key)), value_(std::move(value)) {}

  void Emit(const Event& event) override {
    Event stamped = event;
    if (!stamped.contains(key_)) stamped[key_] = value_;
    sink_.Emit(stamped);
  }

 private:
  EventSink& sink_;
  const std::string key_;
  const Event value_;
};

}  // namespace lrti::events
