#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>

#include "common/job/train.h"
#include "nn/models/model.h"

namespace lrti::train {

/// Runs a network over a whole video and hands out its frames [3, 4H, 4W] in order, at most `chunk`
/// of them in memory. A longer video is cut: one pass for the states at the cuts, then chunk by
/// chunk from those states. By the restart identity the cuts leave no seam.
/// `frames`: [1, T, 3, H, W] on the device. REQUIRES: chunk >= 1.
///
/// `progress` hears how many of the states to be made are done, after each. An exception from it
/// or from `use` ends the run.
void ForEachOutput(nn::Model& model, const at::Tensor& frames, int64_t chunk,
                   job::Precision precision,
                   const std::function<void(int64_t frame, const at::Tensor& output)>& use,
                   const std::function<void(int64_t done, int64_t total)>& progress = {});

/// Frames of output that fit about a GiB, at least 4.
int64_t ChunkFrames(int64_t lr_height, int64_t lr_width);

}  // namespace lrti::train
