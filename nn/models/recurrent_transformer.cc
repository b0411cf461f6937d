#include "nn/models/recurrent_transformer.h"

#include <torch/torch.h>

#include <utility>

#include "nn/blocks/conv.h"
#include "nn/models/check_clip.h"
#include "nn/models/flows.h"
#include "nn/models/input_frames.h"

namespace lrti::nn {
RecurrentTransformer::RecurrentTransformer(const TransformerChoices& choices)
    : window_(choices.branch.block.window),
      repeat_missing_(choices.repeat_missing),
      frame_numbers_(choices.frame_numbers),
      states_(TwoRounds(choices.branch.block.width)),
      conv_before_upsample_(
          register_module("conv_before_upsample",
                          SameConv(choices.branch.block.width, choices.branch.mid_channels, 3))),
      spynet_(register_module("spynet", std::make_shared<Spynet>())),
      conv_first_(register_module("conv_first", SameConv(InputChannels(choices.frame_numbers),
                                                         choices.branch.block.width, 3))),
      tail_(*this, choices.branch.mid_channels, choices.tail_channels) {
  auto align = register_module("patch_align", std::make_shared<torch::nn::Module>());
  for (const StateSpec& state : states_) {
    branches_.push_back(
        align->register_module(state.branch, std::make_shared<TransformerBranch>(choices.branch)));
  }
}

Flows RecurrentTransformer::EstimateFlows(const at::Tensor& frames, const Reach& reach) {
  const torch::NoGradGuard no_grad;
  return NeighbourFlows(*spynet_, frames, reach);
}

Reach RecurrentTransformer::FlowReach(const Reach& reach, int64_t length) const {
  return ChainedFlowReach(states_, reach, length);
}

at::Tensor RecurrentTransformer::Forward(const Clip& clip, const Tap& tap) {
  CheckClip(clip, states_, /*needs_flow=*/true);
  const Pass pass = Begin(clip);
  const Visits all{0, ClipLength(clip)};
  std::vector<at::Tensor> features(static_cast<size_t>(ClipLength(clip)));
  const size_t last = branches_.size() - 1;
  for (size_t branch = 0; branch < last; ++branch) {
    Sweep(clip, pass, branch, all, features, tap,
          [](at::Tensor& feature, int64_t, const at::Tensor& state) { feature = state; });
  }
  Sweep(clip, pass, last, all, features, tap,
        [&](at::Tensor& picture, int64_t frame, const at::Tensor& state) {
          picture =
              tail_.Forward(conv_before_upsample_(state), clip.frames.select(1, clip.left + frame));
        });
  return at::stack(features, 1);
}

void RecurrentTransformer::Propagate(const Clip& clip, const Reach& reach, const Tap& tap) {
  CheckClip(clip, states_, /*needs_flow=*/true);
  const Pass pass = Begin(clip);
  const std::vector<Visits> visits = ChainedVisits(states_, reach, ClipLength(clip));
  std::vector<at::Tensor> features(static_cast<size_t>(ClipLength(clip)));
  for (size_t branch = 0; branch < branches_.size(); ++branch) {
    Sweep(clip, pass, branch, visits[branch], features, tap,
          [](at::Tensor& feature, int64_t, const at::Tensor& state) { feature = state; });
  }
}

RecurrentTransformer::Pass RecurrentTransformer::Begin(const Clip& clip) const {
  const int64_t height = clip.frames.size(3);
  const int64_t width = clip.frames.size(4);
  const at::Tensor inputs =
      InputFrames(clip, frame_numbers_).narrow(1, clip.left, ClipLength(clip));
  return {
      inputs.unbind(1),
      std::make_shared<Windows>(clip.frames.size(0), height, width, window_, clip.frames.options()),
      PatchWarp(height, width, window_, clip.frames.options())};
}

// Walks one branch. features: what the branch before it left at each frame, undefined for the
// first; `use` puts in its place what this one leaves, so that without a graph no more are alive
// than somebody reads.
template <typename Use>
void RecurrentTransformer::Sweep(const Clip& clip, const Pass& pass, size_t branch,
                                 const Visits& visits, std::vector<at::Tensor>& features,
                                 const Tap& tap, const Use& use) {
  if (visits.begin == visits.end) return;
  const BranchRun run{pass.windows, branches_[branch]->Biases(), activation_checkpointing()};
  Walk(clip, states_, branch).Run(visits, [&](int64_t frame, const std::vector<Earlier>& earlier) {
    const auto place = static_cast<size_t>(frame);
    // Features keep the frames' type: under autocast rounding would add up over the branches.
    const at::Tensor current =
        branch == 0 ? conv_first_(pass.inputs[place].contiguous(at::MemoryFormat::ChannelsLast))
                          .to(clip.frames.scalar_type())
                    : std::move(features[place]);
    const at::Tensor state = branches_[branch]->Forward(Stack(pass.warp, earlier, current), run);
    if (tap) tap(branch, frame, state);
    use(features[place], frame, state);
    return state;
  });
}

std::array<at::Tensor, 3> RecurrentTransformer::Stack(const PatchWarp& warp,
                                                      const std::vector<Earlier>& earlier,
                                                      const at::Tensor& current) const {
  if (earlier.empty()) return {current, current, current};
  const at::Tensor near = warp(earlier[0].state, earlier[0].flow);
  if (earlier.size() > 1) return {warp(earlier[1].state, earlier[1].flow), near, current};
  return {repeat_missing_ ? near : at::zeros_like(near), near, current};
}

}  // namespace lrti::nn
