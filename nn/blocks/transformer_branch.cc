#include "nn/blocks/transformer_branch.h"

#include <torch/torch.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "nn/blocks/conv.h"
#include "nn/blocks/drop_path.h"
#include "nn/blocks/tokens.h"

namespace lrti::nn {
namespace {

constexpr std::array kArrangements = {Arrangement::kPlain, Arrangement::kShifted};

// Images [.., H, W, C] through a convolution; a view of the memory that it likes best.
at::Tensor Convolved(torch::nn::Conv2d& conv, const at::Tensor& images) {
  const auto sizes = images.sizes();
  const at::Tensor flat = images.reshape(
      {-1, sizes[sizes.size() - 3], sizes[sizes.size() - 2], sizes[sizes.size() - 1]});
  return conv(flat.permute({0, 3, 1, 2})).permute({0, 2, 3, 1}).view(sizes);
}

}  // namespace

TransformerBranch::TransformerBranch(const BranchDesign& design)
    : update_all_(design.block.frames.update_all),
      gated_(design.block.feed_forward != FeedForwardKind::kMlp),
      raw_gate_(design.raw_gate),
      drop_rates_(DropRates(design.drop_path, std::accumulate(design.depths.begin(),
                                                              design.depths.end(), int64_t{0}))),
      stack_norm_(TokenNorm(design.block.width)),
      norm_(TokenNorm(design.block.width)),
      conv_after_body_(SameConv(design.block.width, design.block.width, 3)) {
  RegisterIdle(design);
  register_module("patch_embed", std::make_shared<torch::nn::Module>())
      ->register_module("norm", stack_norm_);
  auto layers = register_module("layers", std::make_shared<torch::nn::Module>());
  for (size_t i = 0; i < design.depths.size(); ++i) {
    const Group& group = groups_.emplace_back(MakeGroup(design, i));
    auto layer = layers->register_module(std::to_string(i), std::make_shared<torch::nn::Module>());
    auto blocks = layer->register_module("residual_group", std::make_shared<torch::nn::Module>())
                      ->register_module("blocks", std::make_shared<torch::nn::Module>());
    for (size_t j = 0; j < group.blocks.size(); ++j) {
      blocks->register_module(std::to_string(j), group.blocks[j]);
    }
    layer->register_module("conv", group.conv);
  }
  register_module("norm", norm_);
  register_module("conv_after_body", conv_after_body_);
}

TransformerBranch::Group TransformerBranch::MakeGroup(const BranchDesign& design, size_t i) {
  Group group;
  for (int64_t j = 0; j < design.depths[i]; ++j) {
    group.blocks.push_back(std::make_shared<TransformerBlock>(design.block, design.heads[i]));
  }
  group.conv = SameConv(design.block.width, design.block.width, 3);
  return group;
}

void TransformerBranch::RegisterIdle(const BranchDesign& design) {
  const int64_t width = design.block.width;
  if (design.idle.first) {
    register_module("conv_first", SameConv(3, width, 3));
    register_module("conv_first_feat", SameConv(design.mid_channels, width, 3));
  }
  if (design.idle.reconstruction) {
    register_module("conv_before_upsample", SameConv(width, design.mid_channels, 3));
  }
}

std::vector<at::Tensor> TransformerBranch::Biases() {
  std::vector<at::Tensor> biases;
  for (const Group& group : groups_) {
    for (const auto& block : group.blocks) biases.push_back(block->Bias());
  }
  return biases;
}

at::Tensor TransformerBranch::Forward(const std::array<at::Tensor, 3>& stack,
                                      const BranchRun& run) {
  std::vector<at::Tensor> frames;
  for (const at::Tensor& frame : stack) frames.push_back(frame.permute({0, 2, 3, 1}));
  const at::Tensor raw = at::stack(frames);  // [3, B, H, W, D]
  const at::Tensor normalised = stack_norm_(raw);
  const std::array<Around, 2> around = AroundOf(raw, normalised, *run.windows);
  at::Tensor z = update_all_ ? normalised : normalised.narrow(0, 2, 1);
  size_t first_block = 0;
  for (Group& group : groups_) {
    z = z + Convolved(group.conv, Run(group, first_block, z, around, run));
    first_block += group.blocks.size();
  }
  const at::Tensor current = norm_(z.select(0, z.size(0) - 1));
  return (Convolved(conv_after_body_, current) + frames[2]).permute({0, 3, 1, 2});
}

std::array<TransformerBranch::Around, 2> TransformerBranch::AroundOf(const at::Tensor& raw,
                                                                     const at::Tensor& normalised,
                                                                     const Windows& windows) const {
  std::array<Around, 2> around;
  if (update_all_) return around;
  for (const Arrangement arrangement : kArrangements) {
    Around& one = around[static_cast<size_t>(arrangement)];
    one.fixed = windows.Split(normalised.narrow(0, 0, 2), arrangement);
    if (!gated_) continue;
    one.gate =
        raw_gate_ ? windows.Split(raw.narrow(0, 1, 1), arrangement) : one.fixed.narrow(0, 1, 1);
  }
  return around;
}

at::Tensor TransformerBranch::Run(Group& group, size_t first_block, const at::Tensor& images,
                                  const std::array<Around, 2>& around, const BranchRun& run) {
  const auto share = [&](size_t block) {
    const at::Tensor drawn =
        DrawnShares(is_training() ? drop_rates_[block] : 0, images.size(1), images.options());
    return drawn.defined() ? run.windows->OfSamples(drawn) : drawn;
  };
  Arrangement arrangement = Arrangement::kPlain;
  at::Tensor x = run.windows->Split(images, arrangement);
  for (size_t j = 0; j < group.blocks.size(); ++j) {
    const Arrangement next = kArrangements[j % 2];
    x = run.windows->Rearranged(x, arrangement, next);
    arrangement = next;
    const auto& [fixed, gate] = around[j % 2];
    const size_t block = first_block + j;
    const at::Tensor attention_share = share(block);
    const at::Tensor feed_share = share(block);
    x = group.blocks[j]->Forward({x, fixed, gate, run.biases[block], attention_share, feed_share},
                                 run.windows, arrangement, run.recompute);
  }
  return run.windows->Joined(x, arrangement);
}

}  // namespace lrti::nn
