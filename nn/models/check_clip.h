#pragma once

#include <cstdint>
#include <vector>

#include "nn/models/model.h"

namespace lrti::nn {

/// Frames of the clip proper, without context.
inline int64_t ClipLength(const Clip& clip) { return clip.frames.size(1) - clip.left - clip.right; }

/// Holds a clip to what `Model` says about it, before anything is computed.
///
/// Errors: c10::Error that says what was expected, for frames, context, boundary states, or, where
/// `needs_flow`, flows of the wrong shape; for flows given to a network that uses none.
void CheckClip(const Clip& clip, const std::vector<StateSpec>& states, bool needs_flow);

}  // namespace lrti::nn
