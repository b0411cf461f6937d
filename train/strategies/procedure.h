#pragma once

#include <cstdint>
#include <string>

#include "common/job/strategy.h"

namespace lrti::train {

/// How often the states that clips start from are computed anew.
enum class Scope {
  kSequence,  // for each sampled batch of sequences (TB)
  kEpoch,     // for all videos at once (PI-BPTT)
};

/// Where the states come from that a clip starts with.
enum class StateSource {
  kZero,
  kRandom,
  kLongPass,  // a run without gradient over the whole sequence
};

/// Truncated training as one procedure with parameters; plain, TB and PI-BPTT are settings of it.
///
///     for each refresh:
///       take sequences of T frames; draw where their clips will start
///       run the network over them without gradient; keep the states at the planned cuts
///       repeat N times: train on clips of L frames that start from those states
///
/// Source  LRTI-VSR, Algorithm 1; PI-BPTT.
struct Procedure {
  std::string name;
  Scope scope = Scope::kSequence;
  StateSource source = StateSource::kZero;
  int64_t clip_frames = 0;        // L
  int64_t sequence_frames = 0;    // T; 0: all frames of the video
  int64_t clips_per_refresh = 1;  // N, or R for each video
  job::StartPolicy start = job::StartPolicy::kFull;
  job::InitialState long_initial_state = job::InitialState::kZero;
  int64_t order = 1;  // k, of the network

  bool has_long_pass() const { return source == StateSource::kLongPass; }

  /// Frames a video needs: L, and k on either side where clips never touch an end.
  int64_t frames_min() const {
    return clip_frames + (start == job::StartPolicy::kInterior ? 2 * order : 0);
  }
};

Procedure MakePlain(const job::PlainStrategy& strategy, int64_t order);  // plain.cc
Procedure MakeTb(const job::TbStrategy& strategy, int64_t order);        // tb.cc
Procedure MakePi(const job::PiStrategy& strategy, int64_t order);        // pi.cc

/// The procedure of a strategy for a network of recurrence order k. The one list of strategies.
Procedure MakeProcedure(const job::StrategyConfig& strategy, int64_t order);

}  // namespace lrti::train
