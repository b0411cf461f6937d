#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/job/model.h"
#include "nn/census/mac_counter.h"

namespace lrti::nn {

/// What one frame costs in the middle of a video.
struct FrameCost {
  Macs network;
  Macs flow;  // of the flow net, in both directions where the network looks both ways
};

/// Counts what our program computes for one more frame of `height` x `width` LR pixels: the network
/// is run, on shapes alone, over clips that differ by a frame and have states on both sides.
/// Errors: c10::Error for a frame that the network cannot take.
FrameCost CostOfFrame(const job::ModelConfig& config, int64_t height, int64_t width);

/// Why a network cannot take frames of a size, and which square ones it can.
struct TooSmall {
  std::string reason;
  int64_t side_min = 0;
};

/// Whether frames of `height` x `width` are too small for a network: found by running it on shapes
/// alone. Nothing where they are large enough, or where no size is.
std::optional<TooSmall> FindTooSmall(const job::ModelConfig& config, int64_t height, int64_t width);

}  // namespace lrti::nn
