#include "nn/models/basic_vsr.h"

#include <torch/torch.h>

#include <utility>

#include "nn/blocks/checkpoint.h"
#include "nn/blocks/conv.h"
#include "nn/models/check_clip.h"
#include "nn/models/flows.h"
#include "nn/models/input_frames.h"
#include "nn/models/walk.h"

namespace lrti::nn {
namespace {

constexpr size_t kBackward = 0;  // places in States()
constexpr size_t kForward = 1;

// The last state, brought to the frame that `input` belongs to.
at::Tensor Aligned(const Walk& walk, const std::vector<Earlier>& earlier, const at::Tensor& input,
                   int64_t channels) {
  if (earlier.empty()) {
    return at::zeros({input.size(0), channels, input.size(2), input.size(3)}, input.options());
  }
  const auto& [state, flow] = earlier.front();
  return flow.defined() ? walk.warp()(state, flow, Padding::kZeros) : state;
}

}  // namespace

BasicVsr::BasicVsr(const job::BasicVsrOptions& options)
    : frame_numbers_(options.frame_numbers),
      states_({{"backward", Direction::kBackward, 1, options.channels, Grid::kLr},
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
                                   InputChannels(options.frame_numbers) + options.channels,
                                   options.channels, options.blocks));
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
  const std::vector<at::Tensor> inputs = InputFrames(clip, frame_numbers_).unbind(1);
  Walk walk(clip, states_, branch);
  walk.Run(VisitsWithin(states_[branch], reach, ClipLength(clip)),
           [&](int64_t frame, const std::vector<Earlier>& earlier) {
             const at::Tensor& input = inputs[static_cast<size_t>(clip.left + frame)];
             const at::Tensor aligned = Aligned(walk, earlier, input, states_[branch].channels);
             const at::Tensor state = Output(*trunks_[branch], input, aligned);
             if (tap) tap(branch, frame, state);
             visit(frame, state);
             return state;
           });
}

at::Tensor BasicVsr::Output(ConvResidualBlocks& trunk, const at::Tensor& input,
                            const at::Tensor& aligned) {
  const Block output = [&trunk](const std::vector<at::Tensor>& in) {
    return trunk.Forward(at::cat({in[0], in[1]}, 1));
  };
  if (!activation_checkpointing()) return output({input, aligned});
  return Checkpointed(trunk, output, {input, aligned});
}

at::Tensor BasicVsr::Picture(const at::Tensor& backward, const at::Tensor& forward,
                             const at::Tensor& frame) {
  const Block picture = [this](const std::vector<at::Tensor>& in) {
    return tail_.Forward(LeakyRelu(fusion_(at::cat({in[0], in[1]}, 1))), in[2]);
  };
  if (!activation_checkpointing()) return picture({backward, forward, frame});
  std::vector<at::Tensor> parameters = tail_.Parameters();
  parameters.insert(parameters.end(), {fusion_->weight, fusion_->bias});
  return Checkpointed(std::move(parameters), picture, {backward, forward, frame});
}

}  // namespace lrti::nn
