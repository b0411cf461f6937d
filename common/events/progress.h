#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/clock.h"

namespace lrti::events {

class EventSink;

/// What the training thread is doing.
enum class Phase : uint8_t {
  kStarting,
  kLoading,
  kLongPass,
  kForwardBackward,
  kOptimizer,
  kWaiting,  // for other ranks
  kEvaluating,
  kCheckpointing,
  kFinishing,
};

constexpr std::string_view PhaseName(Phase phase) {
  constexpr std::array<std::string_view, 9> kNames = {
      "starting", "loading",    "long_pass",     "forward_backward", "optimizer",
      "waiting",  "evaluating", "checkpointing", "finishing"};
  return kNames[static_cast<size_t>(phase)];
}

/// Where training stands. One thread writes, any may read; a write costs a few nanoseconds and
/// never waits. The clock outlives it.
class Progress {
 public:
  explicit Progress(const Clock& clock) : clock_(clock) { SetPhase(Phase::kStarting); }

  void SetPhase(Phase phase) { phase_since_ = Pack(phase, SteadyMicroseconds()); }
  void SetStep(int64_t step) { step_ = step; }
  void SetEpoch(int64_t epoch) { epoch_ = epoch; }
  void SetMemoryBytes(uint64_t bytes) { memory_bytes_ = bytes; }

  struct View {
    Phase phase;
    absl::Duration phase_age;
    int64_t step;
    int64_t epoch;
    uint64_t memory_bytes;
  };

  /// Phase and its age belong together; the other fields may be a moment apart.
  View Read() const {
    const uint64_t packed = phase_since_;
    const uint64_t age = (SteadyMicroseconds() - (packed >> kPhaseBits)) & kTimeMask;
    return {static_cast<Phase>(packed & kPhaseMask), absl::Microseconds(static_cast<int64_t>(age)),
            step_, epoch_, memory_bytes_};
  }

 private:
  static constexpr int kPhaseBits = 8;
  static constexpr uint64_t kPhaseMask = (uint64_t{1} << kPhaseBits) - 1;
  static constexpr uint64_t kTimeMask = ~uint64_t{0} >> kPhaseBits;  // 2,283 years of microseconds

  static uint64_t Pack(Phase phase, uint64_t microseconds) {
    return microseconds << kPhaseBits | static_cast<uint64_t>(phase);
  }
  uint64_t SteadyMicroseconds() const {
    return static_cast<uint64_t>(absl::ToInt64Microseconds(clock_.Steady())) & kTimeMask;
  }

  const Clock& clock_;
  std::atomic<uint64_t> phase_since_ = 0;  // one word, so that a reader never sees half a change
  std::atomic<int64_t> step_ = 0;
  std::atomic<int64_t> epoch_ = 0;
  std::atomic<uint64_t> memory_bytes_ = 0;
};

/// Sets the phase and emits a `phase` event: for phases that take seconds.
void EnterPhase(Progress& progress, EventSink& sink, Phase phase);

}  // namespace lrti::events
