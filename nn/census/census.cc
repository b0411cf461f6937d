#include "nn/census/census.h"

#include <torch/torch.h>

#include <algorithm>
#include <memory>

#include "nn/census/shapes_alone.h"
#include "nn/census/states.h"
#include "nn/models/model.h"

namespace lrti::nn {
namespace {

constexpr int64_t kSideMinMax = 512;  // no network is known that needs more

std::shared_ptr<Model> WithoutNumbers(const job::ModelConfig& config) {
  std::shared_ptr<Model> model = MakeModel(config);
  ToShapesAlone(*model);
  model->eval();
  return model;
}

at::Tensor Frames(int64_t count, int64_t height, int64_t width) {
  return at::empty({1, count, 3, height, width}, at::TensorOptions(at::kMeta).dtype(at::kFloat));
}

// A clip in the middle of a video: context and states on both sides.
Clip InnerClip(Model& model, int64_t length, int64_t height, int64_t width) {
  Clip clip;
  clip.left = clip.right = model.Context();
  clip.frames = Frames(clip.left + length + clip.right, height, width);
  clip.flows = model.EstimateFlows(clip.frames);
  for (const StateSpec& spec : model.States()) {
    const at::Tensor state =
        at::empty(StateShape(spec, height, width), clip.frames.options()).unsqueeze(0);
    clip.boundary.emplace_back(static_cast<size_t>(spec.order), state);
  }
  return clip;
}

template <typename Run>
Macs Counted(const Run& run) {
  const MacCounter counter;
  run();
  return counter.macs();
}

Macs OfClip(Model& model, int64_t length, int64_t height, int64_t width) {
  const Clip clip = InnerClip(model, length, height, width);
  return Counted([&] { model.Forward(clip, {}); });
}

Macs OfFlows(Model& model, int64_t frames, int64_t height, int64_t width) {
  return Counted([&] { model.EstimateFlows(Frames(frames, height, width)); });
}

std::optional<std::string> Refusal(Model& model, int64_t height, int64_t width) {
  try {
    model.Forward(InnerClip(model, 1, height, width), {});
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return std::nullopt;
}

}  // namespace

FrameCost CostOfFrame(const job::ModelConfig& config, int64_t height, int64_t width) {
  const torch::NoGradGuard no_grad;
  const std::shared_ptr<Model> model = WithoutNumbers(config);
  FrameCost cost{OfClip(*model, 2, height, width), OfFlows(*model, 3, height, width)};
  cost.network -= OfClip(*model, 1, height, width);
  cost.flow -= OfFlows(*model, 2, height, width);
  return cost;
}

std::optional<TooSmall> FindTooSmall(const job::ModelConfig& config, int64_t height,
                                     int64_t width) {
  const torch::NoGradGuard no_grad;
  const std::shared_ptr<Model> model = WithoutNumbers(config);
  const std::optional<std::string> refusal = Refusal(*model, height, width);
  if (!refusal) return std::nullopt;
  for (int64_t side = std::min(height, width) + 1; side <= kSideMinMax; ++side) {
    if (!Refusal(*model, side, side)) return TooSmall{*refusal, side};
  }
  return std::nullopt;
}

}  // namespace lrti::nn
