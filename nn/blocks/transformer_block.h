#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/normalization.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "nn/blocks/feed_forward.h"
#include "nn/blocks/window_attention.h"
#include "nn/blocks/windows.h"

namespace lrti::nn {

/// What a block is made of.
struct BlockDesign {
  int64_t width = 120;
  int64_t window = 8;
  WindowFrames frames;
  AttentionWeights weights = AttentionWeights::kSoftmax;
  bool scale_by_head = true;    // d in q k / sqrt(d): the width of a head, or of a token
  bool mean_over_keys = false;  // divides what attention puts out by the number of keys
  FeedForwardKind feed_forward = FeedForwardKind::kMlp;
  bool normalise_gate = true;  // h passes norm2 as x does
};

/// What a block computes with, all in one arrangement of windows.
struct BlockInputs {
  at::Tensor x;                // [F, N, P, D], the frames that are updated
  at::Tensor fixed;            // [F', N, P, D], states that are not; undefined where all are
  at::Tensor gate;             // [1, N, P, D], h; undefined for an MLP
  at::Tensor bias;             // of the attention
  at::Tensor attention_share;  // [N, 1, 1], what the two branches count; undefined: 1
  at::Tensor feed_share;
};

/// A transformer block over the windows of frames:
///
///     x = x + share * attention(norm1(x), norm1(fixed))
///     x = x + share * mlp(norm2(x), norm2(gate))
///
/// Tokens outside the frame enter attention as zeros after norm1, and keep no meaningful value.
/// Names   norm1, attn, norm2, mlp.
class TransformerBlock : public torch::nn::Module {
 public:
  TransformerBlock(const BlockDesign& design, int64_t heads);

  /// `WindowAttention::Bias`.
  at::Tensor Bias() { return attention_->Bias(); }

  /// With `recompute` inner values are not kept for the backward pass (nn/blocks/checkpoint.h).
  at::Tensor Forward(const BlockInputs& inputs, const std::shared_ptr<const Windows>& windows,
                     Arrangement arrangement, bool recompute);

 private:
  at::Tensor Updated(const BlockInputs& inputs, const Windows& windows, Arrangement arrangement);

  bool normalise_gate_;
  torch::nn::LayerNorm norm1_;
  std::shared_ptr<WindowAttention> attention_;
  torch::nn::LayerNorm norm2_;
  std::shared_ptr<FeedForward> mlp_;
};

}  // namespace lrti::nn
