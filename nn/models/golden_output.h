#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "nn/models/model.h"
#include "tests/golden/golden.h"

namespace lrti::nn {

/// For tests: what `network` makes of the recipe's frames with the recipe's weights
/// (tests/golden/golden.h), all in `type`.
inline at::Tensor GoldenOutput(Model&& network, int64_t frames, int64_t height, int64_t width,
                               at::ScalarType type) {
  const torch::NoGradGuard no_grad;
  network.eval();
  network.to(type);  // first: weights set in fp32 would stay rounded
  golden::SetWeights(network);
  golden::SetImageStatistics(network);
  Clip clip;
  clip.frames = golden::Frames(frames, height, width).to(type);
  clip.flows = network.EstimateFlows(clip.frames);
  return network.Forward(clip, nullptr);
}

}  // namespace lrti::nn
