#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/conv.h>

#include <memory>
#include <string>
#include <vector>

#include "common/job/model.h"
#include "nn/blocks/residual_block.h"
#include "nn/blocks/spynet.h"
#include "nn/blocks/tail.h"
#include "nn/models/model.h"

namespace lrti::nn {

/// BasicVSR: a branch backward and one forward through time, aligned by optical flow, fused for
/// each frame:
///
///     b_t = backward_trunk([x_t, warp(b_{t+1}, backward flow t)])
///     f_t = forward_trunk([x_t, warp(f_{t-1}, forward flow t-1)])
///     y_t = tail(lrelu(fusion([b_t, f_t])), x_t)
///
/// States are b and f before warping; a branch starts from zeros where none is given.
/// Names   spynet, backward_trunk, forward_trunk, fusion, upconv1, upconv2, conv_hr, conv_last.
/// Source  Chan et al., CVPR 2021, arXiv:2012.02181.
class BasicVsr final : public Model {
 public:
  explicit BasicVsr(const job::BasicVsrOptions& options);

  const std::vector<StateSpec>& States() const override { return states_; }
  using Model::EstimateFlows;
  Flows EstimateFlows(const at::Tensor& frames, const Reach& reach) override;
  at::Tensor Forward(const Clip& clip, const Tap& tap) override;
  using Model::Propagate;
  void Propagate(const Clip& clip, const Reach& reach, const Tap& tap) override;
  std::string FlowPrefix() const override { return spynet_ ? "spynet." : ""; }

 private:
  std::shared_ptr<ConvResidualBlocks> Trunk(const std::string& name,
                                            const job::BasicVsrOptions& options);

  template <typename Visit>
  void Sweep(const Clip& clip, const Reach& reach, size_t branch, const Tap& tap,
             const Visit& visit);

  at::Tensor Output(ConvResidualBlocks& trunk, const at::Tensor& input, const at::Tensor& aligned);

  at::Tensor Picture(const at::Tensor& backward, const at::Tensor& forward,
                     const at::Tensor& frame);

  int64_t frame_numbers_;
  std::vector<StateSpec> states_;
  std::shared_ptr<Spynet> spynet_;  // null: states are handed on where they are
  std::vector<std::shared_ptr<ConvResidualBlocks>> trunks_;  // in the order of states_
  torch::nn::Conv2d fusion_;
  Tail tail_;
};

}  // namespace lrti::nn
