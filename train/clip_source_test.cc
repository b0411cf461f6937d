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
    long_passes_.push_back(clip);
    model_->Propagate(clip, reach, tap);
  }
  nn::Reach FlowReach(const nn::Reach& reach, int64_t length) const override {
    return model_->FlowReach(reach, length);
  }
  std::string FlowPrefix() const override { return model_->FlowPrefix(); }
  bool FlowLearns() const override { return model_->FlowLearns(); }

  int64_t pairs() const { return pairs_; }
  const std::vector<nn::Clip>& long_passes() const { return long_passes_; }

 private:
  std::shared_ptr<nn::Model> model_;
  int64_t pairs_ = 0;
  std::vector<nn::Clip> long_passes_;
};

/// A clip source with all that it stands on.
struct Scene {
  explicit Scene(const job::Spec& spec_in)
      : spec(spec_in),
        model(Seeded(spec.model)),
        dataset(data::Dataset::Open(spec.data.train.source, spec.data.train.degradation,
                                    int64_t{64} << 20)
                    .value()),
        plan(ClipPlan::Make(MakeProcedure(spec.strategy, model.Context()), spec.data.train,
                            dataset->clips(), spec.train.global_batch, spec.train.seed)
                 .value()),
        source({.spec = spec,
                .dataset = *dataset,
                .plan = plan,
                .model = model,
                .store = store,
                .progress = progress,
                .device = at::kCPU}) {}

  static std::shared_ptr<nn::Model> Seeded(const job::ModelConfig& config) {
    torch::manual_seed(1);
    return nn::MakeModel(config);
  }

  const job::Spec spec;
  CountsFlows model;
  const std::unique_ptr<data::Dataset> dataset;
  const ClipPlan plan;
  hidden_state::MemoryStore store{uint64_t{64} << 20};
  SystemClock clock;
  events::Progress progress{clock};
  ClipSource source;
};

struct Outcome {
  std::vector<at::Tensor> outputs;  // of the clips, step by step
  int64_t pairs = 0;
};

Outcome Play(const job::Spec& spec, bool flow_is_fixed) {
  Scene scene(spec);
  const torch::NoGradGuard no_grad;
  Outcome outcome;
  for (int64_t step = 0; step < kSteps; ++step) {
    EXPECT_TRUE(scene.source.Open(step, flow_is_fixed).ok());
    const std::vector<ClipGroup> groups = scene.source.Groups().value();
    for (const ClipGroup& group : groups) {
      const TrainingClips clips = scene.source.Load(group).value();
      outcome.outputs.push_back(scene.model.Forward(clips.clip, nullptr));
    }
  }
  outcome.pairs = scene.model.pairs();
  return outcome;
}

/// A tiny network with a flow net that gets no gradient.
job::LrtiVsrOptions TinyTransformer() {
  job::LrtiVsrOptions network;
  network.sizes = {.embed_dim = 8,
                   .depths = {1},
                   .heads = {2},
                   .window = 8,
                   .mid_channels = 4,
                   .tail_channels = 4,
                   .drop_path = 0};
  return network;
}

TEST(ClipSource, FixedFlowsServeAllClipsOfASequenceAndChangeNothing) {
  at::set_num_threads(1);
  const std::string folder = WriteSyntheticClip("clip_source", 24, 96, 128);
  const job::TbStrategy tb{.clip_frames = 4, .sequence_frames = 12, .clips_per_sequence = 3};
  job::Spec spec = TinySpec(tb, folder);
  spec.model = TinyTransformer();
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

TEST(ClipSource, ALongPassFromRandomStatesRepeatsTheEndsAndNumbersFramesAsClipsDo) {
  at::set_num_threads(1);
  const std::string folder = WriteSyntheticClip("clip_source_random", 24, 96, 128);
  const job::PiStrategy pi{.clip_frames = 4, .repeats = 2};
  job::Spec spec = TinySpec(pi, folder);
  spec.model = TinyTransformer();
  Scene scene(spec);
  const absl::Status status = scene.source.Open(/*step=*/0, /*flow_is_fixed=*/true);
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(scene.model.long_passes().size(), 1u);
  const nn::Clip& clip = scene.model.long_passes().front();
  ASSERT_TRUE(clip.first_number.defined());
  EXPECT_EQ(clip.first_number.item<int64_t>() + clip.left, 0);  // the video's own first frame
  // The flow of each pair once, those of the repeated ends included.
  EXPECT_EQ(scene.model.pairs(), 24 - 1 + 2 * scene.model.Context());
}

}  // namespace
}  // namespace lrti::train
