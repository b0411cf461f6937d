#pragma once

#include <array>
#include <cstdint>
#include <tuple>
#include <variant>

#include "common/config/schema.h"

namespace lrti::job {

/// What a sequence begins from: zeros (the inference rule) or standard normal noise.
enum class InitialState { kZero, kRandom };
constexpr auto EnumNames(InitialState) {
  return std::array{std::pair{InitialState::kZero, "zero"},
                    std::pair{InitialState::kRandom, "random"}};
}

/// Where clips may start in a sequence of T frames: `interior` keeps all boundary states
/// available, s in [k, T-L-k]; `full` is s in [0, T-L], cold at a true end.
enum class StartPolicy { kInterior, kFull };
constexpr auto EnumNames(StartPolicy) {
  return std::array{std::pair{StartPolicy::kInterior, "interior"},
                    std::pair{StartPolicy::kFull, "full"}};
}

/// Truncated training as everyone does it: each clip starts from zero or random states.
struct PlainStrategy {
  static constexpr const char* kType = "plain";

  int64_t clip_frames = 15;
  InitialState initial_state = InitialState::kZero;

  static auto Fields() {
    return std::tuple{
        config::Field{"clip_frames", &PlainStrategy::clip_frames, "L, frames a clip.",
                      config::Between(1, 10000), config::Unit("frames")},
        config::Field{"initial_state", &PlainStrategy::initial_state,
                      "What every clip starts from."},
    };
  }
};
static_assert(config::Covered<PlainStrategy>);

/// LRTI-VSR, Algorithm 1: a long pass for each sampled sequence, N clips from it.
struct TbStrategy {
  static constexpr const char* kType = "tb";

  int64_t clip_frames = 8;
  int64_t sequence_frames = 40;
  int64_t clips_per_sequence = 5;
  StartPolicy start = StartPolicy::kInterior;
  InitialState long_initial_state = InitialState::kZero;

  static auto Fields() {
    return std::tuple{
        config::Field{"clip_frames", &TbStrategy::clip_frames,
                      "L, frames of a clip that is trained through.", config::Between(1, 10000),
                      config::Unit("frames")},
        config::Field{"sequence_frames", &TbStrategy::sequence_frames,
                      "T, frames of the long pass.", config::Between(1, 100000),
                      config::Unit("frames")},
        config::Field{"clips_per_sequence", &TbStrategy::clips_per_sequence,
                      "N, clips trained on before a new sequence is taken.",
                      config::Between(1, 10000), config::Unit("clips")},
        config::Field{"start", &TbStrategy::start, "Where clips may start."},
        config::Field{"long_initial_state", &TbStrategy::long_initial_state,
                      "What the long pass starts from."},
    };
  }
};
static_assert(config::Covered<TbStrategy>);

/// PI-BPTT: a long pass over all videos once an epoch, R clips of each video from it.
struct PiStrategy {
  static constexpr const char* kType = "pi";

  int64_t clip_frames = 15;
  int64_t repeats = 8;
  int64_t sequence_frames = 0;
  StartPolicy start = StartPolicy::kInterior;
  InitialState long_initial_state = InitialState::kRandom;

  static auto Fields() {
    return std::tuple{
        config::Field{"clip_frames", &PiStrategy::clip_frames, "L, frames a clip.",
                      config::Between(1, 10000), config::Unit("frames")},
        config::Field{"repeats", &PiStrategy::repeats, "R, clips of each video an epoch.",
                      config::Between(1, 10000), config::Unit("clips")},
        config::Field{"sequence_frames", &PiStrategy::sequence_frames,
                      "T, frames of each video's long pass; 0: all of them.",
                      config::Between(0, 100000), config::Unit("frames")},
        config::Field{"start", &PiStrategy::start, "Where clips may start."},
        config::Field{"long_initial_state", &PiStrategy::long_initial_state,
                      "What the long pass starts from."},
    };
  }
};
static_assert(config::Covered<PiStrategy>);

using StrategyConfig = std::variant<PlainStrategy, TbStrategy, PiStrategy>;

}  // namespace lrti::job
