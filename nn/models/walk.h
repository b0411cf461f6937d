#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "nn/blocks/flow_warp.h"
#include "nn/models/model.h"

namespace lrti::nn {

/// An earlier output of a branch, and the flow that brings it to the frame at hand.
struct Earlier {
  at::Tensor state;  // [B, C, H, W], as the branch gave it
  at::Tensor flow;   // [B, 2, H, W], LR pixels; undefined where the network has no flow
};

/// The frames [begin, end) of a clip that a branch visits, counted from the first clip frame.
struct Visits {
  int64_t begin = 0;
  int64_t end = 0;

  bool operator==(const Visits&) const = default;
};

/// Four branches in two rounds, each backward, then forward: backward_1, forward_1, backward_2,
/// forward_2. Of second order, `channels` wide, on the LR grid.
std::vector<StateSpec> TwoRounds(int64_t channels);

/// What a branch visits for its own states within `reach`: from where its walk begins.
Visits VisitsWithin(const StateSpec& branch, const Reach& reach, int64_t length);

/// The same for every branch of a network whose branches read those before them at the same frame.
std::vector<Visits> ChainedVisits(const std::vector<StateSpec>& branches, const Reach& reach,
                                  int64_t length);

/// `Model::FlowReach` of such a network.
Reach ChainedFlowReach(const std::vector<StateSpec>& branches, const Reach& reach, int64_t length);

/// One branch on its way over a clip, in its direction. It hands each frame the branch's last
/// outputs, which begin with the boundary states, and holds no more of them than the order.
///
/// The flow to an output two frames away is composed of two neighbours' flows:
/// f2 = f1 + warp(f1', f1).  Source: BasicVSR++, Chan et al., CVPR 2022, arXiv:2104.13371.
class Walk {
 public:
  /// `branch`: its place in `states` and in the boundary lists of `clip`.
  Walk(const Clip& clip, const std::vector<StateSpec>& states, size_t branch);

  /// Calls step(frame, earlier) for each frame of `visits`; its answer is the branch's output
  /// there. `earlier`: nearest first; fewer than the order after a cold start.
  template <typename Step>
  void Run(const Visits& visits, const Step& step) {
    for (int64_t i = 0; i < visits.end - visits.begin; ++i) {
      const int64_t frame = forward_ ? visits.begin + i : visits.end - 1 - i;
      Keep(step(frame, EarlierThan(frame)));
    }
  }

  /// Warps states of the frame's size by flow. Only where the clip has flows.
  const FlowWarp& warp() const { return *warp_; }

 private:
  std::vector<Earlier> EarlierThan(int64_t frame) const;
  const at::Tensor& FlowTo(int64_t frame) const;
  void Keep(at::Tensor state);

  bool forward_;
  int64_t order_;
  int64_t left_;
  std::vector<at::Tensor> flows_;  // between neighbours, context included
  std::optional<FlowWarp> warp_;
  std::deque<at::Tensor> outputs_;  // nearest first
};

}  // namespace lrti::nn
