#pragma once

#include <ATen/core/Tensor.h>

#include "nn/blocks/spynet.h"
#include "nn/models/model.h"

namespace lrti::nn {

/// Flows between neighbours of `frames` [B, n, 3, H, W] within reach, zero beyond; undefined where
/// n < 2. Without a graph pairs run in batches that keep SPyNet's widest layer within a fixed size.
Flows NeighbourFlows(Spynet& spynet, const at::Tensor& frames, const Reach& reach);

}  // namespace lrti::nn
