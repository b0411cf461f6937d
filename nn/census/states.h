#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "nn/models/model.h"

namespace lrti::nn {

/// Shape [C, H, W] of a branch's state, for frames of `height` x `width` LR pixels.
std::array<int64_t, 3> StateShape(const StateSpec& spec, int64_t height, int64_t width);

/// How many numbers such a state holds.
int64_t StateNumbers(const StateSpec& spec, int64_t height, int64_t width);

/// All states that a clip in the middle of a video starts from: as many of each branch as its
/// order.
struct ClipStates {
  int64_t tensors = 0;
  int64_t numbers = 0;
};
ClipStates StatesOfClip(const std::vector<StateSpec>& specs, int64_t height, int64_t width);

}  // namespace lrti::nn
