#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/conv.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "nn/blocks/patch_warp.h"
#include "nn/blocks/spynet.h"
#include "nn/blocks/tail.h"
#include "nn/blocks/transformer_branch.h"
#include "nn/models/model.h"
#include "nn/models/transformer_choices.h"
#include "nn/models/walk.h"

namespace lrti::nn {

/// PSRT-recurrent, IIAB (MIA-VSR without its mask) and LRTI-VSR: four branches in a chain, backward
/// and forward by turns, each reading the one before it at the same frame:
///
///     c_0[t] = conv_first(x_t);   c_m[t] = branch_m([w(c_m[t'']), w(c_m[t']), c_{m-1}[t]])
///     y_t = tail(conv_before_upsample(c_4[t]), x_t)
///
/// w moves patches by optical flow; t' and t'' are the frames visited before. Where both are
/// missing the current feature stands for them, where t'' alone is, that is a choice.
///
/// Patches take no gradient to the flow: the flow net never learns, and runs without a graph.
/// Names   conv_before_upsample, spynet, conv_first, patch_align.{backward,forward}_{1,2}, upconv1,
///         upconv2, conv_hr, conv_last.
/// Source  PSRT, Shi et al., NeurIPS 2022, arXiv:2207.08494; MIA-VSR, Zhou et al., CVPR 2024,
///         arXiv:2401.06312; LRTI-VSR.
class RecurrentTransformer final : public Model {
 public:
  explicit RecurrentTransformer(const TransformerChoices& choices);

  const std::vector<StateSpec>& States() const override { return states_; }
  using Model::EstimateFlows;
  Flows EstimateFlows(const at::Tensor& frames, const Reach& reach) override;
  at::Tensor Forward(const Clip& clip, const Tap& tap) override;
  using Model::Propagate;
  void Propagate(const Clip& clip, const Reach& reach, const Tap& tap) override;
  Reach FlowReach(const Reach& reach, int64_t length) const override;
  std::string FlowPrefix() const override { return "spynet."; }
  bool FlowLearns() const override { return false; }

 private:
  /// What the walks over a clip share.
  struct Pass {
    std::vector<at::Tensor> inputs;  // of each clip frame
    std::shared_ptr<const Windows> windows;
    PatchWarp warp;
  };

  Pass Begin(const Clip& clip) const;

  template <typename Use>
  void Sweep(const Clip& clip, const Pass& pass, size_t branch, const Visits& visits,
             std::vector<at::Tensor>& features, const Tap& tap, const Use& use);

  std::array<at::Tensor, 3> Stack(const PatchWarp& warp, const std::vector<Earlier>& earlier,
                                  const at::Tensor& current) const;

  int64_t window_;
  bool repeat_missing_;
  int64_t frame_numbers_;
  std::vector<StateSpec> states_;
  torch::nn::Conv2d conv_before_upsample_;
  std::shared_ptr<Spynet> spynet_;
  torch::nn::Conv2d conv_first_;
  std::vector<std::shared_ptr<TransformerBranch>> branches_;  // in the order of states_
  Tail tail_;
};

}  // namespace lrti::nn
