#include "nn/blocks/transformer_block.h"

#include <torch/torch.h>

#include <cmath>

#include "nn/blocks/checkpoint.h"
#include "nn/blocks/tokens.h"

namespace lrti::nn {
namespace {

AttentionRule RuleOf(const BlockDesign& design, int64_t heads) {
  const int64_t d = design.scale_by_head ? design.width / heads : design.width;
  const auto keys =
      static_cast<int64_t>(design.frames.places.size()) * design.window * design.window;
  return {.weights = design.weights,
          .score_scale = 1 / std::sqrt(static_cast<double>(d)),
          .output_scale = design.mean_over_keys ? 1 / static_cast<double>(keys) : 1};
}

// x + share * change. Not in place: under autocast the change has fewer bits than the sum.
at::Tensor Sum(const at::Tensor& x, const at::Tensor& change, const at::Tensor& share) {
  return share.defined() ? at::addcmul(x, change.to(x.scalar_type()), share) : x + change;
}

}  // namespace

TransformerBlock::TransformerBlock(const BlockDesign& design, int64_t heads)
    : normalise_gate_(design.normalise_gate),
      norm1_(register_module("norm1", TokenNorm(design.width))),
      attention_(register_module(
          "attn", std::make_shared<WindowAttention>(design.width, heads, design.window,
                                                    design.frames, RuleOf(design, heads)))),
      norm2_(register_module("norm2", TokenNorm(design.width))),
      mlp_(register_module("mlp",
                           std::make_shared<FeedForward>(design.width, design.feed_forward))) {}

at::Tensor TransformerBlock::Forward(const BlockInputs& inputs,
                                     const std::shared_ptr<const Windows>& windows,
                                     Arrangement arrangement, bool recompute) {
  if (!recompute) return Updated(inputs, *windows, arrangement);
  const Block block = [this, windows, arrangement](const std::vector<at::Tensor>& again) {
    return Updated({again[0], again[1], again[2], again[3], again[4], again[5]}, *windows,
                   arrangement);
  };
  return Checkpointed(*this, block,
                      {inputs.x, inputs.fixed, inputs.gate, inputs.bias, inputs.attention_share,
                       inputs.feed_share});
}

at::Tensor TransformerBlock::Updated(const BlockInputs& inputs, const Windows& windows,
                                     Arrangement arrangement) {
  const auto normalised = [&](const at::Tensor& tokens) {
    return tokens.defined() ? windows.ZeroedOutside(norm1_(tokens), arrangement) : tokens;
  };
  const at::Tensor attended = attention_->Forward(normalised(inputs.x), normalised(inputs.fixed),
                                                  inputs.bias, windows.Mask(arrangement));
  const at::Tensor x = Sum(inputs.x, attended, inputs.attention_share);
  const bool norm_gate = inputs.gate.defined() && normalise_gate_;
  const at::Tensor gate = norm_gate ? norm2_(inputs.gate) : inputs.gate;
  return Sum(x, mlp_->Forward(norm2_(x), gate), inputs.feed_share);
}

}  // namespace lrti::nn
