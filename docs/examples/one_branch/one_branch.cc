#include "docs/examples/one_branch/one_branch.h"

#include <torch/torch.h>

#include "nn/blocks/checkpoint.h"
#include "nn/models/check_clip.h"
#include "nn/models/input_frames.h"
#include "nn/models/walk.h"

namespace lrti::nn {

OneBranch::OneBranch(const job::OneBranchOptions& options)
    : frame_numbers_(options.frame_numbers),
      states_({{"forward", Direction::kForward, /*order=*/1, options.channels, Grid::kLr}}),
      trunk_(register_module("trunk", std::make_shared<ConvResidualBlocks>(
                                          InputChannels(options.frame_numbers) + options.channels,
                                          options.channels, options.blocks))),
      tail_(*this, options.channels, options.channels) {}

at::Tensor OneBranch::Forward(const Clip& clip, const Tap& tap) {
  std::vector<at::Tensor> pictures;
  const Reach all{.forward_end = ClipLength(clip)};
  Sweep(clip, all, tap, [&](int64_t frame, const at::Tensor& state) {
    pictures.push_back(tail_.Forward(state, clip.frames.select(1, clip.left + frame)));
  });
  return at::stack(pictures, 1);
}

void OneBranch::Propagate(const Clip& clip, const Reach& reach, const Tap& tap) {
  Sweep(clip, reach, tap, [](int64_t, const at::Tensor&) {});
}

template <typename Use>
void OneBranch::Sweep(const Clip& clip, const Reach& reach, const Tap& tap, const Use& use) {
  CheckClip(clip, states_, /*needs_flow=*/false);
  const at::Tensor inputs = InputFrames(clip, frame_numbers_);
  const Block next = [this](const std::vector<at::Tensor>& in) {
    return trunk_->Forward(at::cat({in[0], in[1]}, 1));
  };
  Walk(clip, states_, 0)
      .Run(VisitsWithin(states_[0], reach, ClipLength(clip)),
           [&](int64_t frame, const std::vector<Earlier>& earlier) {
             const at::Tensor x = inputs.select(1, clip.left + frame);
             const at::Tensor last =
                 earlier.empty() ? at::zeros({x.size(0), states_[0].channels, x.size(2), x.size(3)},
                                             x.options())
                                 : earlier.front().state;
             const at::Tensor state = activation_checkpointing()
                                          ? Checkpointed(*trunk_, next, {x, last})
                                          : next({x, last});
             if (tap) tap(0, frame, state);
             use(frame, state);
             return state;
           });
}

}  // namespace lrti::nn
