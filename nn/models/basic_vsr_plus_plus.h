#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "common/job/basic_vsr_plus_plus.h"
#include "nn/blocks/residual_block.h"
#include "nn/blocks/second_order_alignment.h"
#include "nn/blocks/spynet.h"
#include "nn/blocks/tail.h"
#include "nn/models/model.h"
#include "nn/models/walk.h"

namespace lrti::nn {

/// BasicVSR++: four branches, backward and forward by turns, aligned by deformable convolution that
/// flow guides; each reads what all branches before it left at the same frame:
///
///     s_t = feat_extract(x_t)
///     a = align(h_m[t'], h_m[t''], s_t),   h_m[t] = a + backbone_m([s_t, h_1[t] .. h_{m-1}[t], a])
///     y_t = tail(reconstruction([s_t, h_1[t] .. h_4[t]]), x_t)
///
/// t' and t'' are the frames visited before; where neither is there, a = 0.
/// Names   feat_extract, deform_align.{backward,forward}_{1,2}, backbone.{...}, reconstruction,
///         spynet, upconv1, upconv2, conv_hr, conv_last.
/// Source  Chan et al., CVPR 2022, arXiv:2104.13371.
class BasicVsrPlusPlus final : public Model {
 public:
  explicit BasicVsrPlusPlus(const job::BasicVsrPlusPlusOptions& options);

  const std::vector<StateSpec>& States() const override { return states_; }
  using Model::EstimateFlows;
  Flows EstimateFlows(const at::Tensor& frames, const Reach& reach) override;
  at::Tensor Forward(const Clip& clip, const Tap& tap) override;
  using Model::Propagate;
  void Propagate(const Clip& clip, const Reach& reach, const Tap& tap) override;
  Reach FlowReach(const Reach& reach, int64_t length) const override;
  std::string FlowPrefix() const override { return "spynet."; }

 private:
  /// What is known of each clip frame: s_t, then the branches' states so far.
  using Features = std::vector<std::vector<at::Tensor>>;

  Features Begin(const Clip& clip, const std::vector<Visits>& visits);

  /// Walks one branch. use(frame, state) gets each state, after its tap.
  template <typename Use>
  void Sweep(const Clip& clip, size_t branch, const Visits& visits, const Features& features,
             const Tap& tap, const Use& use);

  at::Tensor State(size_t branch, const std::vector<at::Tensor>& known,
                   const std::vector<Earlier>& earlier, const Walk& walk);
  at::Tensor Picture(std::vector<at::Tensor> known, const at::Tensor& frame);

  int64_t frame_numbers_;
  std::vector<StateSpec> states_;
  std::shared_ptr<ConvResidualBlocks> feat_extract_;
  std::shared_ptr<Spynet> spynet_;
  std::vector<std::shared_ptr<SecondOrderAlignment>> alignments_;  // in the order of states_
  std::vector<std::shared_ptr<ConvResidualBlocks>> backbones_;
  std::shared_ptr<ConvResidualBlocks> reconstruction_;
  Tail tail_;
};

}  // namespace lrti::nn
