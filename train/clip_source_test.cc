#include "train/clip_source.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/hidden_state/memory_store.h"
#include "train/strategies/procedure.h"
#include "train/synthetic_clip.h"

namespace lrti::train {
namespace {

constexpr int64_t kSteps = 6;  // two refreshes

/// A network that counts the pairs of frames whose flow it is asked for.
class CountsFlows final : public nn::Model {
 public:
  explicit CountsFlows(std::shared_ptr<nn::Model> model) : model_(std::move(model)) {}

  const std::vector<nn::StateSpec>& States() const override { return model_->States(); }
  nn::Flows EstimateFlows(const at::Tensor& frames, const nn::Reach& reach) override {
    pairs_ += frames.size(0) * (frames.size(1) - 1);
    return model_->EstimateFlows(frames, reach);
  }
  at::Tensor Forward(const nn::Clip& clip, const nn::Tap& tap) override {
    return model_->Forward(clip, tap);
  }
  void Propagate(const nn::Clip& clip, const nn::Reach& reach, const nn::Tap& tap) override {
    model_->Propagate(clip, reach, tap);
  }
  nn::Reach FlowReach(const nn::Reach& reach, int64_t length) const override {
    return model_->FlowReach(reach, length);
  }
  std::string FlowPrefix() const override { return model_->FlowPrefix(); }
  bool FlowLearns() const override { return model_->FlowLearns(); }

  int64_t pairs() const { return pairs_; }

 private:
  std::shared_ptr<nn::Model> model_;
  int64_t pairs_ = 0;
};

struct Outcome {
  std::vector<at::Tensor> outputs;  // of the clips, step by step
  int64_t pairs = 0;
};

Outcome Play(const job::Spec& spec, bool flow_is_fixed) {
  torch::manual_seed(1);
  CountsFlows model(nn::MakeModel(spec.model));
  const auto dataset =
      data::Dataset::Open(spec.data.train.source, spec.data.train.degradation, int64_t{64} << 20)
          .value();
  const ClipPlan plan =
      ClipPlan::Make(MakeProcedure(spec.strategy, model.Context()), spec.data.train,
                     dataset->clips(), spec.train.global_batch, spec.train.seed)
          .value();
  hidden_state::MemoryStore store(uint64_t{64} << 20);
  SystemClock clock;
  events::Progress progress(clock);
  ClipSource source({.spec = spec,
                     .dataset = *dataset,
                     .plan = plan,
                     .model = model,
                     .store = store,
                     .progress = progress,
                     .device = at::kCPU});
  const torch::NoGradGuard no_grad;
  Outcome outcome;
  for (int64_t step = 0; step < kSteps; ++step) {
    EXPECT_TRUE(source.Open(step, flow_is_fixed).ok());
    const std::vector<ClipGroup> groups = source.Groups().value();
    for (const ClipGroup& group : groups) {
      const TrainingClips clips = source.Load(group).value();
      outcome.outputs.push_back(model.Forward(clips.clip, nullptr));
    }
  }
  outcome.pairs = model.pairs();
  return outcome;
}

TEST(ClipSource, FixedFlowsServeAllClipsOfASequenceAndChangeNothing) {
  at::set_num_threads(1);
  const std::string folder = WriteSyntheticClip("clip_source", 24, 96, 128);
  const job::TbStrategy tb{.clip_frames = 4, .sequence_frames = 12, .clips_per_sequence = 3};
  job::Spec spec = TinySpec(tb, folder);
  job::LrtiVsrOptions network;
  network.sizes = {.embed_dim = 8,
                   .depths = {1},
                   .heads = {2},
                   .window = 8,
                   .mid_channels = 4,
                   .tail_channels = 4,
                   .drop_path = 0};
  spec.model = network;
  EXPECT_FALSE(nn::MakeModel(spec.model)->FlowLearns());
  const Outcome reused = Play(spec, /*flow_is_fixed=*/true);
  const Outcome again = Play(spec, /*flow_is_fixed=*/false);
  std::filesystem::remove_all(folder);
  ASSERT_EQ(reused.outputs.size(), again.outputs.size());
  ASSERT_GE(reused.outputs.size(), static_cast<size_t>(kSteps));
  for (size_t i = 0; i < reused.outputs.size(); ++i) {
    // Flows made in another batch may round another way.
    EXPECT_TRUE(at::allclose(reused.outputs[i], again.outputs[i], 0, 1e-5)) << "clips " << i;
  }
  // Twelve frames have eleven pairs; two sequences a refresh, two refreshes.
  EXPECT_EQ(reused.pairs, 2 * 2 * 11);
  EXPECT_GT(again.pairs, 2 * reused.pairs);
}

}  // namespace
}  // namespace lrti::train
