#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "nn/blocks/transformer_block.h"
#include "nn/blocks/windows.h"

namespace lrti::nn {

/// Convolutions that published networks register in each branch and never use. Kept where a
/// parameter count or a public file wants them.
struct IdleConvs {
  bool first = false;           // conv_first, conv_first_feat
  bool reconstruction = false;  // conv_before_upsample
};

struct BranchDesign {
  BlockDesign block;
  std::vector<int64_t> depths;  // blocks of each group
  std::vector<int64_t> heads;   // of each group's blocks
  bool raw_gate = false;        // h as aligned, not normalised with the stack
  double drop_path = 0;         // of the last block
  int64_t mid_channels = 64;    // of the idle convolutions alone
  IdleConvs idle;
};

/// What is the same for all frames of a sweep.
struct BranchRun {
  std::shared_ptr<const Windows> windows;
  std::vector<at::Tensor> biases;  // of each block
  bool recompute = false;          // inner values of blocks in the backward pass
};

/// The network of one propagation branch at one frame. Of the stack of the state two frames away,
/// its neighbour (both aligned) and the current feature,
///
///     z = patch_embed.norm(stack);   per group:  z = z + conv(blocks(z))
///     y = conv_after_body(norm(z of the current frame)) + current feature
///
/// Blocks in odd places shift their windows. The gate h of each block is the neighbouring state.
/// Shapes  stack: three [B, D, H, W]; returns [B, D, H, W], channels last in memory.
/// Names   patch_embed.norm, layers.{i}.residual_group.blocks.{j}, layers.{i}.conv, norm,
///         conv_after_body; idle: conv_first, conv_first_feat, conv_before_upsample.
/// Source  PSRT-recurrent, arXiv:2207.08494; MIA-VSR, arXiv:2401.06312.
class TransformerBranch : public torch::nn::Module {
 public:
  explicit TransformerBranch(const BranchDesign& design);

  /// The attention biases of all blocks, for `BranchRun`.
  std::vector<at::Tensor> Biases();

  at::Tensor Forward(const std::array<at::Tensor, 3>& stack, const BranchRun& run);

 private:
  struct Group {
    std::vector<std::shared_ptr<TransformerBlock>> blocks;
    torch::nn::Conv2d conv{nullptr};
  };

  // Tokens that are the same for all blocks, in each arrangement.
  struct Around {
    at::Tensor fixed;
    at::Tensor gate;
  };

  Group MakeGroup(const BranchDesign& design, size_t i);
  void RegisterIdle(const BranchDesign& design);
  std::array<Around, 2> AroundOf(const at::Tensor& raw, const at::Tensor& normalised,
                                 const Windows& windows) const;
  at::Tensor Run(Group& group, size_t first_block, const at::Tensor& images,
                 const std::array<Around, 2>& around, const BranchRun& run);

  bool update_all_;
  bool gated_;
  bool raw_gate_;
  std::vector<double> drop_rates_;
  torch::nn::LayerNorm stack_norm_;
  std::vector<Group> groups_;
  torch::nn::LayerNorm norm_;
  torch::nn::Conv2d conv_after_body_;
};

}  // namespace lrti::nn
