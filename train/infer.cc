#include "train/infer.h"

#include <torch/torch.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "nn/models/evaluation_mode.h"
#include "train/tensor/autocast.h"

namespace lrti::train {
namespace {

using OnProgress = std::function<void(int64_t done, int64_t total)>;

class ChunkedRun {
 public:
  ChunkedRun(nn::Model& model, const at::Tensor& frames, int64_t chunk, const OnProgress& progress)
      : model_(model),
        frames_(frames),
        total_(frames.size(1)),
        chunk_(chunk),
        flows_(model.EstimateFlows(frames)),
        progress_(progress) {}

  /// One pass over the video that keeps the states next to every cut.
  void KeepStatesAtCuts() {
    if (chunk_ >= total_) return;
    model_.Propagate({.frames = frames_, .flows = flows_, .boundary = {}},
                     [this](size_t branch, int64_t frame, const at::Tensor& state) {
                       if (IsNeeded(branch, frame)) states_[{branch, frame}] = state.clone();
                       Count();
                     });
  }

  at::Tensor Outputs(int64_t start, int64_t count) {
    nn::Clip clip;
    clip.left = std::min(model_.Context(), start);
    clip.right = std::min(model_.Context(), total_ - start - count);
    const int64_t first = start - clip.left;
    const int64_t seen = clip.left + count + clip.right;
    clip.frames = frames_.narrow(1, first, seen);
    clip.first_number = at::full({1}, first, at::kLong);
    if (flows_.forward.defined() && seen > 1) {
      clip.flows = {flows_.forward.narrow(1, first, seen - 1),
                    flows_.backward.narrow(1, first, seen - 1)};
    }
    const auto& specs = model_.States();
    clip.boundary.resize(specs.size());
    for (size_t branch = 0; branch < specs.size(); ++branch) {
      const bool forward = specs[branch].direction == nn::Direction::kForward;
      const int64_t available = std::min(specs[branch].order, forward ? clip.left : clip.right);
      for (int64_t j = 0; j < available; ++j) {
        const int64_t frame = forward ? start - 1 - j : start + count + j;
        clip.boundary[branch].push_back(states_.at({branch, frame}));
      }
    }
    return model_.Forward(clip, [this](size_t, int64_t, const at::Tensor&) { Count(); });
  }

 private:
  bool IsNeeded(size_t branch, int64_t frame) const {
    const nn::StateSpec& spec = model_.States()[branch];
    const int64_t place = frame % chunk_;
    return spec.direction == nn::Direction::kForward ? place >= chunk_ - spec.order
                                                     : place < spec.order && frame >= chunk_;
  }

  void Count() {
    const auto branches = static_cast<int64_t>(model_.States().size());
    const int64_t passes = chunk_ < total_ ? 2 : 1;
    ++states_made_;
    if (progress_) progress_(states_made_, passes * branches * total_);
  }

  nn::Model& model_;
  const at::Tensor frames_;
  const int64_t total_;
  const int64_t chunk_;
  const nn::Flows flows_;
  const OnProgress& progress_;
  int64_t states_made_ = 0;
  std::map<std::pair<size_t, int64_t>, at::Tensor> states_;
};

}  // namespace

void ForEachOutput(nn::Model& model, const at::Tensor& frames, int64_t chunk,
                   job::Precision precision,
                   const std::function<void(int64_t, const at::Tensor&)>& use,
                   const std::function<void(int64_t, int64_t)>& progress) {
  const torch::NoGradGuard no_grad;
  const nn::EvaluationMode evaluation(model);
  chunk = std::max(chunk, model.Context());  // a cut's neighbours lie in the next chunk
  ChunkedRun run(model, frames, chunk, progress);
  const PrecisionGuard guard(frames.device(), precision);
  run.KeepStatesAtCuts();
  for (int64_t start = 0; start < frames.size(1); start += chunk) {
    const int64_t count = std::min(chunk, frames.size(1) - start);
    const at::Tensor outputs = run.Outputs(start, count);
    for (int64_t i = 0; i < count; ++i) use(start + i, outputs.select(1, i).squeeze(0));
  }
}

int64_t ChunkFrames(int64_t lr_height, int64_t lr_width) {
  constexpr int64_t kBudget = int64_t{1} << 30;
  // A frame of output, twice (as it is made and stacked), and the states of two branches.
  const int64_t frame_bytes = lr_height * lr_width * 4 * (2 * 3 * 16 + 2 * 64);
  return std::max<int64_t>(4, kBudget / frame_bytes);
}

}  // namespace lrti::train
