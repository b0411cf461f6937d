#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/models/model.h"

namespace lrti::nn {

/// Channels of what a network's first layer sees: three colours and, with frame numbers, one more.
inline int64_t InputChannels(int64_t frame_numbers) { return frame_numbers > 0 ? 4 : 3; }

/// The frames of a clip as a network's first layer sees them, [B, n, InputChannels, H, W].
///
/// With frame numbers (`frame_numbers` = T > 0) a constant channel is added to each frame, its
/// number t in the video as t / (T - 1), the same for branches of both directions; beyond T it goes
/// on above 1. Flow nets see the colours alone.
/// Source  PI-BPTT, the conditioning on frame numbers.
at::Tensor InputFrames(const Clip& clip, int64_t frame_numbers);

}  // namespace lrti::nn
