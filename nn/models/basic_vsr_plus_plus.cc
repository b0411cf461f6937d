#include "nn/models/basic_vsr_plus_plus.h"

#include <torch/torch.h>

#include <algorithm>
#include <utility>

#include "nn/blocks/checkpoint.h"
#include "nn/models/check_clip.h"
#include "nn/models/flows.h"
#include "nn/models/input_frames.h"

namespace lrti::nn {
namespace {

constexpr int64_t kOuterBlocks = 5;  // of feat_extract and of reconstruction

std::vector<at::Tensor> Joined(std::vector<at::Tensor> some, const std::vector<at::Tensor>& more) {
  some.insert(some.end(), more.begin(), more.end());
  return some;
}

}  // namespace

BasicVsrPlusPlus::BasicVsrPlusPlus(const job::BasicVsrPlusPlusOptions& options)
    : frame_numbers_(options.frame_numbers),
      states_(TwoRounds(options.channels)),
      feat_extract_(register_module(
          "feat_extract", std::make_shared<ConvResidualBlocks>(InputChannels(options.frame_numbers),
                                                               options.channels, kOuterBlocks))),
      spynet_(register_module("spynet", std::make_shared<Spynet>())),
      reconstruction_(register_module(
          "reconstruction", std::make_shared<ConvResidualBlocks>(5 * options.channels,
                                                                 options.channels, kOuterBlocks))),
      tail_(*this, options.channels, options.tail_channels) {
  auto alignments = register_module("deform_align", std::make_shared<torch::nn::Module>());
  auto backbones = register_module("backbone", std::make_shared<torch::nn::Module>());
  for (size_t i = 0; i < states_.size(); ++i) {
    const std::string& name = states_[i].branch;
    alignments_.push_back(alignments->register_module(
        name, std::make_shared<SecondOrderAlignment>(options.channels, options.offset_groups,
                                                     options.offset_reach)));
    const int64_t read = (2 + static_cast<int64_t>(i)) * options.channels;
    backbones_.push_back(backbones->register_module(
        name, std::make_shared<ConvResidualBlocks>(read, options.channels, options.blocks)));
  }
}

Flows BasicVsrPlusPlus::EstimateFlows(const at::Tensor& frames, const Reach& reach) {
  return NeighbourFlows(*spynet_, frames, reach);
}

Reach BasicVsrPlusPlus::FlowReach(const Reach& reach, int64_t length) const {
  return ChainedFlowReach(states_, reach, length);
}

at::Tensor BasicVsrPlusPlus::Forward(const Clip& clip, const Tap& tap) {
  CheckClip(clip, states_, /*needs_flow=*/true);
  const std::vector<Visits> all(states_.size(), Visits{0, ClipLength(clip)});
  Features features = Begin(clip, all);
  std::vector<at::Tensor> output(features.size());
  for (size_t branch = 0; branch < states_.size(); ++branch) {
    Sweep(clip, branch, all[branch], features, tap, [&](size_t frame, const at::Tensor& state) {
      features[frame].push_back(state);
      if (branch + 1 < states_.size()) return;
      // Moved out, so that without a graph what a frame knows goes as soon as its picture is made.
      output[frame] = Picture(std::move(features[frame]),
                              clip.frames.select(1, clip.left + static_cast<int64_t>(frame)));
    });
  }
  return at::stack(output, 1);
}

void BasicVsrPlusPlus::Propagate(const Clip& clip, const Reach& reach, const Tap& tap) {
  CheckClip(clip, states_, /*needs_flow=*/true);
  const std::vector<Visits> visits = ChainedVisits(states_, reach, ClipLength(clip));
  Features features = Begin(clip, visits);
  for (size_t branch = 0; branch < states_.size(); ++branch) {
    Sweep(clip, branch, visits[branch], features, tap, [&](size_t frame, const at::Tensor& state) {
      features[frame].push_back(state);
      if (branch + 1 == states_.size()) features[frame].clear();
    });
  }
}

BasicVsrPlusPlus::Features BasicVsrPlusPlus::Begin(const Clip& clip,
                                                   const std::vector<Visits>& visits) {
  const at::Tensor inputs = InputFrames(clip, frame_numbers_);
  const Block extract = [this](const std::vector<at::Tensor>& in) {
    return feat_extract_->Forward(in[0]);
  };
  Features features(static_cast<size_t>(ClipLength(clip)));
  for (int64_t frame = 0; frame < ClipLength(clip); ++frame) {
    const bool visited = std::any_of(visits.begin(), visits.end(), [&](const Visits& branch) {
      return branch.begin <= frame && frame < branch.end;
    });
    if (!visited) continue;
    const at::Tensor input = inputs.select(1, clip.left + frame);
    features[static_cast<size_t>(frame)].push_back(
        activation_checkpointing() ? Checkpointed(*feat_extract_, extract, {input})
                                   : extract({input}));
  }
  return features;
}

template <typename Use>
void BasicVsrPlusPlus::Sweep(const Clip& clip, size_t branch, const Visits& visits,
                             const Features& features, const Tap& tap, const Use& use) {
  Walk walk(clip, states_, branch);
  walk.Run(visits, [&](int64_t frame, const std::vector<Earlier>& earlier) {
    const auto place = static_cast<size_t>(frame);
    // States keep the frames' type: under autocast rounding would add up over the branches.
    const at::Tensor state =
        State(branch, features[place], earlier, walk).to(clip.frames.scalar_type());
    if (tap) tap(branch, frame, state);
    use(place, state);
    return state;
  });
}

at::Tensor BasicVsrPlusPlus::State(size_t branch, const std::vector<at::Tensor>& known,
                                   const std::vector<Earlier>& earlier, const Walk& walk) {
  ConvResidualBlocks& backbone = *backbones_[branch];
  if (earlier.empty()) {
    const Block first = [&backbone](const std::vector<at::Tensor>& in) {
      std::vector<at::Tensor> read = in;
      read.push_back(at::zeros_like(in[0]));
      return backbone.Forward(at::cat(read, 1));
    };
    return activation_checkpointing() ? Checkpointed(backbone, first, known) : first(known);
  }
  SecondOrderAlignment& alignment = *alignments_[branch];
  constexpr ptrdiff_t kOfWalk = 4;  // inputs that come from the walk, before what is known
  std::vector<at::Tensor> inputs = {earlier[0].state, earlier[0].flow, at::Tensor(), at::Tensor()};
  if (earlier.size() > 1) {
    inputs[2] = earlier[1].state;
    inputs[3] = earlier[1].flow;
  }
  inputs.insert(inputs.end(), known.begin(), known.end());
  const Block next = [&backbone, &alignment,
                      warp = walk.warp()](const std::vector<at::Tensor>& in) {
    const at::Tensor aligned = alignment.Forward(in[kOfWalk], {in[0], in[1]}, {in[2], in[3]}, warp);
    std::vector<at::Tensor> read(in.begin() + kOfWalk, in.end());
    read.push_back(aligned);
    return backbone.Forward(at::cat(read, 1)) + aligned;
  };
  if (!activation_checkpointing()) return next(inputs);
  return Checkpointed(Joined(alignment.parameters(), backbone.parameters()), next, inputs);
}

at::Tensor BasicVsrPlusPlus::Picture(std::vector<at::Tensor> known, const at::Tensor& frame) {
  known.push_back(frame);
  const Block picture = [this](const std::vector<at::Tensor>& in) {
    const std::vector<at::Tensor> read(in.begin(), in.end() - 1);
    return tail_.Forward(reconstruction_->Forward(at::cat(read, 1)), in.back());
  };
  if (!activation_checkpointing()) return picture(known);
  return Checkpointed(Joined(tail_.Parameters(), reconstruction_->parameters()), picture, known);
}

}  // namespace lrti::nn
