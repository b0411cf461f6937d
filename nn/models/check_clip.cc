#include "nn/models/check_clip.h"

#include <torch/torch.h>

#include <array>

namespace lrti::nn {
namespace {

void CheckFrames(const Clip& clip) {
  TORCH_CHECK(clip.frames.defined() && clip.frames.dim() == 5 && clip.frames.size(2) == 3,
              "clip: expected frames [B, left + L + right, 3, H, W], got ",
              clip.frames.defined() ? clip.frames.sizes() : at::IntArrayRef());
  TORCH_CHECK(clip.left >= 0 && clip.right >= 0 && ClipLength(clip) >= 1,
              "clip: ", clip.frames.size(1), " frames leave none between ", clip.left,
              " in front and ", clip.right, " behind");
}

void CheckFlow(const char* name, const at::Tensor& flow, const at::Tensor& frames) {
  TORCH_CHECK(flow.defined(), "clip: the ", name,
              " flow is missing; pass EstimateFlows(frames) of all frames, context included");
  const std::array<int64_t, 5> shape = {frames.size(0), frames.size(1) - 1, 2, frames.size(3),
                                        frames.size(4)};
  const at::IntArrayRef expected = shape;
  TORCH_CHECK(flow.sizes() == expected, "clip: expected ", name, " flow ", expected, ", got ",
              flow.sizes());
}

void CheckFlows(const Clip& clip, bool needs_flow) {
  if (!needs_flow) {
    TORCH_CHECK(!clip.flows.forward.defined() && !clip.flows.backward.defined(),
                "clip: flows are given to a network without flow");
  } else if (clip.frames.size(1) >= 2) {
    CheckFlow("forward", clip.flows.forward, clip.frames);
    CheckFlow("backward", clip.flows.backward, clip.frames);
  }
}

void CheckState(const StateSpec& spec, const at::Tensor& state, const at::Tensor& frames) {
  const int64_t scale = spec.grid == Grid::kHr ? 4 : 1;
  const std::array<int64_t, 4> shape = {frames.size(0), spec.channels, scale * frames.size(3),
                                        scale * frames.size(4)};
  const at::IntArrayRef expected = shape;
  TORCH_CHECK(state.defined() && state.sizes() == expected, "clip: expected boundary states ",
              expected, " for branch ", spec.branch, ", got ",
              state.defined() ? state.sizes() : at::IntArrayRef());
}

void CheckBoundary(const Clip& clip, const std::vector<StateSpec>& states) {
  if (clip.boundary.empty()) return;
  TORCH_CHECK(clip.boundary.size() == states.size(), "clip: expected boundary states of ",
              states.size(), " branches, got ", clip.boundary.size());
  for (size_t i = 0; i < states.size(); ++i) {
    const bool forward = states[i].direction == Direction::kForward;
    const int64_t context = forward ? clip.left : clip.right;
    const auto given = static_cast<int64_t>(clip.boundary[i].size());
    TORCH_CHECK(given <= states[i].order, "clip: branch ", states[i].branch, " uses ",
                states[i].order, " boundary states, got ", given);
    TORCH_CHECK(given <= context, "clip: ", given, " boundary states of branch ", states[i].branch,
                " need as many context frames ", forward ? "in front" : "behind", ", got ",
                context);
    for (const at::Tensor& state : clip.boundary[i]) CheckState(states[i], state, clip.frames);
  }
}

}  // namespace

void CheckClip(const Clip& clip, const std::vector<StateSpec>& states, bool needs_flow) {
  CheckFrames(clip);
  CheckFlows(clip, needs_flow);
  CheckBoundary(clip, states);
}

}  // namespace lrti::nn
