#include "nn/models/walk.h"

#include <torch/torch.h>

#include <algorithm>
#include <utility>

namespace lrti::nn {

std::vector<StateSpec> TwoRounds(int64_t channels) {
  return {{"backward_1", Direction::kBackward, 2, channels, Grid::kLr},
          {"forward_1", Direction::kForward, 2, channels, Grid::kLr},
          {"backward_2", Direction::kBackward, 2, channels, Grid::kLr},
          {"forward_2", Direction::kForward, 2, channels, Grid::kLr}};
}

Visits VisitsWithin(const StateSpec& branch, const Reach& reach, int64_t length) {
  if (branch.direction == Direction::kForward) {
    return {0, std::clamp<int64_t>(reach.forward_end, 0, length)};
  }
  return {std::clamp<int64_t>(reach.backward_begin, 0, length), length};
}

std::vector<Visits> ChainedVisits(const std::vector<StateSpec>& branches, const Reach& reach,
                                  int64_t length) {
  std::vector<Visits> visits(branches.size());
  Reach wanted = reach;  // by the caller and by all later branches
  for (size_t i = branches.size(); i-- > 0;) {
    visits[i] = VisitsWithin(branches[i], wanted, length);
    if (visits[i].begin == visits[i].end) continue;
    wanted.forward_end = std::max(wanted.forward_end, visits[i].end);
    wanted.backward_begin = std::min(wanted.backward_begin, visits[i].begin);
  }
  return visits;
}

Reach ChainedFlowReach(const std::vector<StateSpec>& branches, const Reach& reach, int64_t length) {
  Reach flow{.forward_end = 0, .backward_begin = length};
  const std::vector<Visits> visits = ChainedVisits(branches, reach, length);
  for (size_t i = 0; i < branches.size(); ++i) {
    if (branches[i].direction == Direction::kForward) {
      flow.forward_end = std::max(flow.forward_end, visits[i].end);
    } else {
      flow.backward_begin = std::min(flow.backward_begin, visits[i].begin);
    }
  }
  return flow;
}

Walk::Walk(const Clip& clip, const std::vector<StateSpec>& states, size_t branch)
    : forward_(states[branch].direction == Direction::kForward),
      order_(states[branch].order),
      left_(clip.left) {
  const at::Tensor& flows = forward_ ? clip.flows.forward : clip.flows.backward;
  if (flows.defined()) {
    flows_ = flows.unbind(1);
    warp_.emplace(flows.size(3), flows.size(4), flows.options());
  }
  if (clip.boundary.empty()) return;
  for (const at::Tensor& state : clip.boundary[branch]) outputs_.push_back(state.detach());
}

// The flow that brings an output of the frame visited before `frame` to it.
const at::Tensor& Walk::FlowTo(int64_t frame) const {
  return flows_.at(static_cast<size_t>(left_ + frame - (forward_ ? 1 : 0)));
}

std::vector<Earlier> Walk::EarlierThan(int64_t frame) const {
  std::vector<Earlier> earlier;
  for (size_t j = 0; j < outputs_.size(); ++j) {
    Earlier& added = earlier.emplace_back(Earlier{.state = outputs_[j], .flow = {}});
    if (flows_.empty()) continue;
    if (j == 0) {
      added.flow = FlowTo(frame);
    } else {
      const int64_t back = static_cast<int64_t>(j);
      const at::Tensor& onward = FlowTo(forward_ ? frame - back : frame + back);
      const at::Tensor& so_far = earlier[j - 1].flow;
      added.flow = so_far + (*warp_)(onward, so_far, Padding::kZeros);
    }
  }
  return earlier;
}

void Walk::Keep(at::Tensor state) {
  outputs_.push_front(std::move(state));
  if (static_cast<int64_t>(outputs_.size()) > order_) outputs_.pop_back();
}

}  // namespace lrti::nn
