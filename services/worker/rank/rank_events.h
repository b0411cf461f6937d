#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace lrti::worker {

/// What a trainer's events (docs/events.md) say of it. A plain value; `now` is steady time.
///
/// Events may be of a newer trainer: kinds and fields that are not known are ignored, and so is a
/// line that is no event.
struct RankEvents {
  struct Failure {
    std::string code;  // of absl, such as NOT_FOUND
    std::string message;
  };

  void Apply(std::string_view line, absl::Duration now);

  std::string device;  // of `started`: cpu, cuda:0; empty before
  int64_t iterations = 0;
  int64_t resumed_from = 0;
  std::optional<absl::Time> started;     // by the trainer's clock
  std::optional<absl::Time> first_step;  // of this attempt

  int64_t step = 0;
  std::string phase = "starting";
  absl::Duration phase_since;  // steady time; good once there was a heartbeat or a phase
  std::optional<absl::Duration> heartbeat_at;  // when the last one was read
  uint64_t memory_bytes = 0;
  uint64_t memory_peak_bytes = 0;
  double loss = 0;
  double psnr = 0;
  double steps_per_second = 0;
  int64_t checkpoint_step = 0;
  absl::Duration checkpoint_time;

  std::optional<Failure> failed;
  std::optional<std::string> finished;  // its reason
  uint64_t bad_lines = 0;
};

}  // namespace lrti::worker
