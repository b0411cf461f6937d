#pragma once

#include <ATen/core/Tensor.h>

#include "nn/blocks/spynet.h"
#include "nn/models/model.h"

namespace lrti::nn {

/// Flows between neighbours of `frames` [B, n, 3, H, W] within reach, zero beyond; undefined where
/// n < 2. Without a graph pairs run in batches that keep SPyNet's widest layer within a fixed size.
Flows NeighbourFlows(Spynet& spynet, const at::Tensor& frames, const Reach& reach);

/// Throws c10::Error unless `frames` are [B, n, 3, H, W].
void CheckFrames(const at::Tensor& frames);

/// Pairs of neighbours whose flow is to be estimated in one batch. With a graph all: their features
/// are kept anyway. Without one as many as keep a flow net's widest layer within a fixed size.
int64_t PairsAtATime(const at::Tensor& frames);

}  // namespace lrti::nn
