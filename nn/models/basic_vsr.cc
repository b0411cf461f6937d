#include "nn/models/basic_vsr.h"

#include <torch/torch.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "nn/blocks/conv.h"
#include "nn/blocks/flow_warp.h"
#include "nn/models/check_clip.h"
#include "nn/models/flows.h"

namespace lrti::nn {
namespace {

constexpr size_t kBackward = 0;  // places in States()
constexpr size_t kForward = 1;

// One branch on its walk over a clip. It holds the newest state alone.
class Walk {
 public:
  Walk(const Clip& clip, const StateSpec& spec, const std::vector<at::Tensor>& boundary)
      : forward_(spec.direction == Direction::kForward),
        channels_(spec.channels),
        left_(clip.left),
        length_(ClipLength(clip)),
        frames_(clip.frames.unbind(1)) {
    const at::Tensor& flows = forward_ ? clip.flows.forward : clip.flows.backward;
    if (flows.defined()) {
      flows_ = flows.unbind(1);
      warp_.emplace(flows.size(3), flows.size(4), flows.options());
    }
    if (!boundary.empty()) state_ = boundary.front().detach();
  }

  // Calls visit(frame, state) for each frame of the clip within reach, in the branch's direction.
  template <typename Visit>
  void Run(ConvResidualBlocks& trunk, const Reach& reach, const Visit& visit) {
    const int64_t steps = forward_ ? reach.forward_end : length_ - reach.backward_begin;
    for (int64_t step = 0; step < std::min(steps, length_); ++step) {
      const int64_t frame = forward_ ? step : length_ - 1 - step;
      state_ = trunk.Forward(at::cat({frames_[Index(left_ + frame)], Aligned(frame)}, 1));
      visit(frame, state_);
    }
  }

 private:
  static size_t Index(int64_t i) { return static_cast<size_t>(i); }

  // The last state, brought to `frame`.
  at::Tensor Aligned(int64_t frame) const {
    if (!state_.defined()) return Zeros();
    if (!warp_) return state_;
    const int64_t pair = left_ + frame - (forward_ ? 1 : 0);
    return (*warp_)(state_, flows_[Index(pair)], Padding::kZeros);
  }

  at::Tensor Zeros() const {
    const at::Tensor& image = frames_.front();
    return at::zeros({image.size(0), channels_, image.size(2), image.size(3)}, image.options());
  }

  bool forward_;
  int64_t channels_;
  int64_t left_;
  int64_t length_;
  std::vector<at::Tensor> frames_;
  std::vector<at::Tensor> flows_;
  std::optional<FlowWarp> warp_;
  at::Tensor state_;
};

}  // namespace

BasicVsr::BasicVsr(const job::BasicVsrOptions& options)
    : states_({{"backward", Direction::kBackward, 1, options.channels, Grid::kLr},
               {"forward", Direction::kForward, 1, options.channels, Grid::kLr}}),
      spynet_(options.flow == job::Flow::kSpynet
                  ? register_module("spynet", std::make_shared<Spynet>())
                  : nullptr),
      trunks_({Trunk("backward_trunk", options), Trunk("forward_trunk", options)}),
      fusion_(register_module("fusion", SameConv(2 * options.channels, options.channels, 1))),
      tail_(*this, options.channels, options.tail_channels) {}

std::shared_ptr<ConvResidualBlocks> BasicVsr::Trunk(const std::string& name,
                                                    const job::BasicVsrOptions& options) {
  return register_module(name, std::make_shared<ConvResidualBlocks>(
                                   3 + options.channels, options.channels, options.blocks));
}

Flows BasicVsr::EstimateFlows(const at::Tensor& frames, const Reach& reach) {
  return spynet_ ? NeighbourFlows(*spynet_, frames, reach) : Flows();
}

at::Tensor BasicVsr::Forward(const Clip& clip, const Tap& tap) {
  CheckClip(clip, states_, spynet_ != nullptr);
  const Reach all{.forward_end = ClipLength(clip)};
  std::vector<at::Tensor> backward(static_cast<size_t>(ClipLength(clip)));
  Sweep(clip, all, kBackward, tap, [&](int64_t frame, const at::Tensor& state) {
    backward[static_cast<size_t>(frame)] = state;
  });
  std::vector<at::Tensor> output;
  Sweep(clip, all, kForward, tap, [&](int64_t frame, const at::Tensor& state) {
    // Moved out, so that without a graph each backward state goes as soon as it is used.
    const at::Tensor other = std::move(backward[static_cast<size_t>(frame)]);
    output.push_back(Picture(other, state, clip.frames.select(1, clip.left + frame)));
  });
  return at::stack(output, 1);
}

void BasicVsr::Propagate(const Clip& clip, const Reach& reach, const Tap& tap) {
  CheckClip(clip, states_, spynet_ != nullptr);
  for (size_t branch : {kBackward, kForward}) Sweep(clip, reach, branch, tap, [](auto&&...) {});
}

template <typename Visit>
void BasicVsr::Sweep(const Clip& clip, const Reach& reach, size_t branch, const Tap& tap,
                     const Visit& visit) {
  const auto& boundary = clip.boundary.empty() ? std::vector<at::Tensor>() : clip.boundary[branch];
  Walk(clip, states_[branch], boundary)
      .Run(*trunks_[branch], reach, [&](int64_t frame, const at::Tensor& state) {
        if (tap) tap(branch, frame, state);
        visit(frame, state);
      });
}

at::Tensor BasicVsr::Picture(const at::Tensor& backward, const at::Tensor& forward,
                             const at::Tensor& frame) {
  return tail_.Forward(LeakyRelu(fusion_(at::cat({backward, forward}, 1))), frame);
}

}  // namespace lrti::nn
