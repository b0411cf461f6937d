#pragma once

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "nn/models/model.h"

/// For tests: what `Model` promises, as tests that run over any network. A test program includes
/// this file once and names its networks:
///
///     INSTANTIATE_TEST_SUITE_P(Mine, ModelContract, testing::Values(ContractCase{...}), CaseName);
namespace lrti::nn {

struct ContractCase {
  std::string name;
  /// The network in a small size, for videos of `frame_numbers` frames (0: it sees no numbers).
  std::function<std::shared_ptr<Model>(int64_t frame_numbers)> make;
  std::vector<std::string> idle = {};  // parameters that no output uses
};

inline void PrintTo(const ContractCase& network, std::ostream* out) { *out << network.name; }

inline std::string CaseName(const testing::TestParamInfo<ContractCase>& info) {
  return info.param.name;
}

class ModelContract : public testing::TestWithParam<ContractCase> {
 protected:
  static constexpr int64_t kFrames = 6;
  static constexpr int64_t kHeight = 12;
  static constexpr int64_t kWidth = 16;

  static at::Tensor Video(int64_t batch, int64_t frames, at::ScalarType type = at::kDouble) {
    const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(3);
    return at::rand({batch, frames, 3, kHeight, kWidth}, generator, at::kDouble).to(type);
  }

  // states[branch][frame], as a tap hears them.
  using States = std::vector<std::vector<at::Tensor>>;

  static Tap Recorder(States& states, const Model& model, int64_t frames) {
    states.assign(model.States().size(), std::vector<at::Tensor>(static_cast<size_t>(frames)));
    return [&states](size_t branch, int64_t frame, const at::Tensor& state) {
      at::Tensor& place = states.at(branch).at(static_cast<size_t>(frame));
      EXPECT_FALSE(place.defined()) << "branch " << branch << ", frame " << frame << " came twice";
      place = state.detach();
    };
  }

  static double Distance(const at::Tensor& a, const at::Tensor& b) {
    EXPECT_EQ(a.sizes(), b.sizes());
    return (a - b).abs().max().item<double>();
  }

  // A loss that moves with every output element.
  static at::Tensor Loss(const at::Tensor& output) { return (output - 0.3).square().mean(); }

  // Turns bf16 autocast on for a scope; LibTorch has no such guard for C++.
  class Bf16Autocast {
   public:
    Bf16Autocast() {
      at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
      at::autocast::set_autocast_enabled(at::kCPU, true);
      at::autocast::increment_nesting();
    }
    ~Bf16Autocast() {
      if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
      at::autocast::set_autocast_enabled(at::kCPU, false);
    }
    Bf16Autocast(const Bf16Autocast&) = delete;
    Bf16Autocast& operator=(const Bf16Autocast&) = delete;
  };

  ModelContract() : model_(Make(1)) {
    at::set_num_threads(1);  // the frames are too small for more
    model_->to(at::kDouble);
  }

  static std::shared_ptr<Model> Make(uint64_t seed, int64_t frame_numbers = 0) {
    torch::manual_seed(seed);
    const auto model = GetParam().make(frame_numbers);
    // Layers that begin with zeros would hide what lies before them.
    const torch::NoGradGuard no_grad;
    for (at::Tensor& parameter : model->parameters()) {
      if (!parameter.any().item<bool>()) parameter.normal_(0, 0.01);
    }
    return model;
  }

  bool Walks(Direction direction) const {
    const auto& states = model_->States();
    return std::any_of(states.begin(), states.end(),
                       [&](const StateSpec& state) { return state.direction == direction; });
  }

  Clip Whole(const at::Tensor& frames) {
    Clip clip;
    clip.frames = frames;
    clip.flows = model_->EstimateFlows(frames);
    return clip;
  }

  // The clip [begin, end) of a video with its context and states, as a trainer cuts it.
  Clip Part(const Clip& whole, const States& states, int64_t begin, int64_t end) const {
    const int64_t length = whole.frames.size(1);
    Clip part;
    part.left = std::min(begin, model_->Context());
    part.right = std::min(length - end, model_->Context());
    const int64_t first = begin - part.left;
    const int64_t count = end + part.right - first;
    part.frames = whole.frames.narrow(1, first, count);
    if (whole.flows.forward.defined() && count >= 2) {
      part.flows.forward = whole.flows.forward.narrow(1, first, count - 1);
      part.flows.backward = whole.flows.backward.narrow(1, first, count - 1);
    }
    for (size_t branch = 0; branch < states.size(); ++branch) {
      const StateSpec& spec = model_->States()[branch];
      std::vector<at::Tensor>& list = part.boundary.emplace_back();
      for (int64_t j = 0; j < spec.order; ++j) {
        const int64_t frame = spec.direction == Direction::kForward ? begin - 1 - j : end + j;
        if (frame < 0 || frame >= length) break;
        list.push_back(states[branch][static_cast<size_t>(frame)]);
      }
    }
    return part;
  }

  // Whether a gradient reaches the parameter of this name.
  bool Learns(const std::string& name) const {
    const std::string prefix = model_->FlowPrefix();
    const bool of_flow = !prefix.empty() && name.starts_with(prefix);
    const std::vector<std::string>& idle = GetParam().idle;
    return std::find(idle.begin(), idle.end(), name) == idle.end() &&
           (!of_flow || model_->FlowLearns());
  }

  std::shared_ptr<Model> model_;
};

TEST_P(ModelContract, AClipGoesOnFromStatesAsIfItHadNeverBeenCut) {
  const torch::NoGradGuard no_grad;
  const Clip whole = Whole(Video(1, kFrames));
  States states;
  const at::Tensor expected = model_->Forward(whole, Recorder(states, *model_, kFrames));
  for (int64_t begin = 0; begin < kFrames; ++begin) {
    for (int64_t end = begin + 1; end <= kFrames; ++end) {
      SCOPED_TRACE(testing::Message() << "clip [" << begin << ", " << end << ")");
      const at::Tensor slice = expected.slice(1, begin, end);
      Clip part = Part(whole, states, begin, end);
      EXPECT_LT(Distance(model_->Forward(part, nullptr), slice), 1e-12);
      const bool states_missing = (begin > 0 && Walks(Direction::kForward)) ||
                                  (end < kFrames && Walks(Direction::kBackward));
      if (!states_missing) continue;
      part.boundary.clear();
      EXPECT_GT(Distance(model_->Forward(part, nullptr), slice), 1e-9);
    }
  }
}

TEST_P(ModelContract, StatesOfAPartAreThoseOfTheWhole) {
  const torch::NoGradGuard no_grad;
  const Clip whole = Whole(Video(1, kFrames));
  States states;
  model_->Propagate(whole, Recorder(states, *model_, kFrames));
  States part;
  model_->Propagate(Part(whole, states, 2, 5), Recorder(part, *model_, 3));
  for (size_t branch = 0; branch < states.size(); ++branch) {
    for (size_t i = 0; i < 3; ++i)
      EXPECT_LT(Distance(part[branch][i], states[branch][2 + i]), 1e-12);
  }
}

TEST_P(ModelContract, FlowsOfAPartAreThoseOfTheWhole) {
  const torch::NoGradGuard no_grad;
  const at::Tensor frames = Video(2, 4);
  const Flows whole = model_->EstimateFlows(frames);
  const Flows part = model_->EstimateFlows(frames.slice(1, 1, 3));
  EXPECT_EQ(whole.forward.defined(), !model_->FlowPrefix().empty());
  if (whole.forward.defined()) {
    EXPECT_LT(Distance(part.forward, whole.forward.slice(1, 1, 2)), 1e-12);
    EXPECT_LT(Distance(part.backward, whole.backward.slice(1, 1, 2)), 1e-12);
    const Flows mirrored = model_->EstimateFlows(frames.flip(1));
    if (Walks(Direction::kForward) && Walks(Direction::kBackward)) {
      EXPECT_LT(Distance(mirrored.forward, whole.backward.flip(1)), 1e-12);
    }
  }
  EXPECT_FALSE(model_->EstimateFlows(frames.slice(1, 0, 1)).forward.defined());
}

TEST_P(ModelContract, PropagateTapsTheStatesOfForward) {
  const torch::NoGradGuard no_grad;
  const Clip whole = Whole(Video(2, 3));
  States of_forward;
  States of_propagate;
  model_->Forward(whole, Recorder(of_forward, *model_, 3));
  model_->Propagate(whole, Recorder(of_propagate, *model_, 3));
  for (size_t branch = 0; branch < of_forward.size(); ++branch) {
    const StateSpec& spec = model_->States()[branch];
    const int64_t scale = spec.grid == Grid::kHr ? 4 : 1;
    for (size_t frame = 0; frame < 3; ++frame) {
      const at::Tensor& state = of_forward[branch][frame];
      EXPECT_EQ(state.sizes(),
                at::IntArrayRef({2, spec.channels, scale * kHeight, scale * kWidth}));
      EXPECT_TRUE(at::equal(state, of_propagate[branch][frame]));
    }
  }
}

TEST_P(ModelContract, WithinReachFlowsAndStatesAreThoseOfTheWhole) {
  const torch::NoGradGuard no_grad;
  constexpr int64_t kLength = 4;
  const Clip whole = Whole(Video(1, kLength));
  States states;
  model_->Propagate(whole, Recorder(states, *model_, kLength));
  // All, a part, or nothing of each direction.
  for (const int64_t begin : {int64_t{0}, int64_t{1}, kLength}) {
    for (const int64_t end : {kLength, kLength - 1, int64_t{0}}) {
      SCOPED_TRACE(testing::Message() << "forward to " << end << ", backward to " << begin);
      const Reach reach{.forward_end = end, .backward_begin = begin};
      Clip clip = whole;
      clip.flows = model_->EstimateFlows(whole.frames, model_->FlowReach(reach, kLength));
      States within;
      model_->Propagate(clip, reach, Recorder(within, *model_, kLength));
      for (size_t branch = 0; branch < states.size(); ++branch) {
        const bool forward = model_->States()[branch].direction == Direction::kForward;
        for (int64_t frame = forward ? 0 : begin; frame < (forward ? end : kLength); ++frame) {
          const auto place = static_cast<size_t>(frame);
          ASSERT_TRUE(within[branch][place].defined());
          EXPECT_LT(Distance(within[branch][place], states[branch][place]), 1e-12);
        }
      }
    }
  }
}

TEST_P(ModelContract, AClipNeedsNoFlowsThatLeadOutOfIt) {
  const torch::NoGradGuard no_grad;
  const Clip whole = Whole(Video(1, kFrames));
  States states;
  model_->Propagate(whole, Recorder(states, *model_, kFrames));
  const Clip part = Part(whole, states, 2, 4);
  Clip fewer = part;
  fewer.flows = model_->EstimateFlows(
      part.frames, {.forward_end = part.frames.size(1) - part.right, .backward_begin = part.left});
  EXPECT_LT(Distance(model_->Forward(fewer, nullptr), model_->Forward(part, nullptr)), 1e-12);
}

TEST_P(ModelContract, EveryParameterThatLearnsGetsAGradient) {
  Loss(model_->Forward(Whole(Video(1, 3)), nullptr)).backward();
  for (const auto& parameter : model_->named_parameters()) {
    const at::Tensor& gradient = parameter.value().grad();
    const double largest = gradient.defined() ? gradient.abs().max().item<double>() : 0;
    EXPECT_EQ(largest > 0, Learns(parameter.key())) << parameter.key();
  }
}

TEST_P(ModelContract, ActivationCheckpointingChangesNoGradient) {
  const Clip whole = Whole(Video(1, 3));
  const auto gradients = [&](bool checkpointing) {
    model_->zero_grad();
    model_->SetActivationCheckpointing(checkpointing);
    Clip clip = whole;
    clip.flows = model_->EstimateFlows(whole.frames);
    Loss(model_->Forward(clip, nullptr)).backward();
    std::vector<at::Tensor> all;
    for (const at::Tensor& parameter : model_->parameters()) all.push_back(parameter.grad());
    return all;
  };
  const auto kept = gradients(false);
  const auto recomputed = gradients(true);
  for (size_t i = 0; i < kept.size(); ++i) {
    ASSERT_EQ(kept[i].defined(), recomputed[i].defined());
    if (!kept[i].defined()) continue;
    // A weight that a block uses twice gets the sums of its gradients in another order.
    EXPECT_LE(Distance(kept[i], recomputed[i]), 1e-10 * kept[i].abs().max().item<double>());
  }
}

TEST_P(ModelContract, WithFrameNumbersAClipGoesOnAsIfItHadNeverBeenCut) {
  const torch::NoGradGuard no_grad;
  model_ = Make(1, kFrames);
  model_->to(at::kDouble);
  const Clip whole = Whole(Video(1, kFrames));
  States states;
  const at::Tensor expected = model_->Forward(whole, Recorder(states, *model_, kFrames));
  Clip part = Part(whole, states, 3, 5);
  EXPECT_GT(Distance(model_->Forward(part, nullptr), expected.slice(1, 3, 5)), 1e-9);
  part.first_number = at::full({1}, 3 - part.left, at::kLong);
  EXPECT_LT(Distance(model_->Forward(part, nullptr), expected.slice(1, 3, 5)), 1e-12);
}

TEST_P(ModelContract, ParametersOfTheFlowNetBearItsPrefix) {
  const std::string prefix = model_->FlowPrefix();
  size_t of_flow = 0;
  for (const auto& parameter : model_->named_parameters()) {
    of_flow += !prefix.empty() && parameter.key().starts_with(prefix);
  }
  EXPECT_EQ(of_flow > 0, !prefix.empty());
  EXPECT_LT(of_flow, model_->parameters().size());
}

TEST_P(ModelContract, NoGradientFlowsIntoBoundaryStates) {
  const Clip whole = Whole(Video(1, 4));
  States states;
  model_->Propagate(whole, Recorder(states, *model_, 4));
  const Clip part = Part(whole, states, 1, 3);
  for (const auto& list : part.boundary) {
    ASSERT_FALSE(list.empty());
    for (at::Tensor state : list) state.requires_grad_();
  }
  Loss(model_->Forward(part, nullptr)).backward();
  for (const auto& list : part.boundary) {
    for (const at::Tensor& state : list) EXPECT_FALSE(state.grad().defined());
  }
}

TEST_P(ModelContract, TheSameSeedGivesTheSameWeights) {
  const auto one = Make(5)->named_parameters();
  const auto same = Make(5)->named_parameters();
  const auto other = Make(6)->named_parameters();
  size_t changed = 0;
  for (const auto& parameter : one) {
    EXPECT_TRUE(at::equal(parameter.value(), same[parameter.key()])) << parameter.key();
    changed += !at::equal(parameter.value(), other[parameter.key()]);
  }
  EXPECT_GT(changed, one.size() / 2);
}

TEST_P(ModelContract, SamplesOfABatchDoNotMeet) {
  const torch::NoGradGuard no_grad;
  const at::Tensor frames = Video(2, 3);
  const at::Tensor both = model_->Forward(Whole(frames), nullptr);
  EXPECT_EQ(both.sizes(), at::IntArrayRef({2, 3, 3, 4 * kHeight, 4 * kWidth}));
  for (int64_t i = 0; i < 2; ++i) {
    const at::Tensor alone = model_->Forward(Whole(frames.narrow(0, i, 1)), nullptr);
    EXPECT_LT(Distance(alone, both.narrow(0, i, 1)), 1e-12);
  }
}

TEST_P(ModelContract, AnswersTheSameWithAndWithoutGradient) {
  const at::Tensor frames = Video(1, 3);
  const at::Tensor with_graph = model_->Forward(Whole(frames), nullptr);
  const torch::NoGradGuard no_grad;
  const at::Tensor without = model_->Forward(Whole(frames), nullptr);
  EXPECT_TRUE(with_graph.requires_grad());
  EXPECT_FALSE(without.requires_grad());
  EXPECT_TRUE(at::equal(with_graph, without));
}

TEST_P(ModelContract, ASingleFrameIsAClip) {
  const torch::NoGradGuard no_grad;
  const at::Tensor output = model_->Forward(Whole(Video(1, 1)), nullptr);
  EXPECT_EQ(output.sizes(), at::IntArrayRef({1, 1, 3, 4 * kHeight, 4 * kWidth}));
  EXPECT_TRUE(output.isfinite().all().item<bool>());
}

TEST_P(ModelContract, Fp32FollowsFp64) {
  const torch::NoGradGuard no_grad;
  const at::Tensor exact = model_->Forward(Whole(Video(1, 3)), nullptr);
  model_->to(at::kFloat);
  const at::Tensor rounded = model_->Forward(Whole(Video(1, 3, at::kFloat)), nullptr);
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  EXPECT_LT(Distance(rounded.to(at::kDouble), exact), 1e-4);
}

TEST_P(ModelContract, Bf16AutocastFollowsFp32AndTrains) {
  model_->to(at::kFloat);
  const at::Tensor frames = Video(1, 3, at::kFloat);
  const at::Tensor exact = model_->Forward(Whole(frames), nullptr).detach();
  at::Tensor output;
  {
    const Bf16Autocast autocast;
    const Clip clip = Whole(frames);
    if (clip.flows.forward.defined()) {
      EXPECT_EQ(clip.flows.forward.scalar_type(), at::kFloat);
    }
    States states;
    output = model_->Forward(clip, Recorder(states, *model_, 3));
  }
  EXPECT_EQ(output.scalar_type(), at::kFloat);
  EXPECT_LT(Distance(output, exact), 0.05);
  EXPECT_GT(Distance(output, exact), 0);
  Loss(output).backward();
  for (const auto& parameter : model_->named_parameters()) {
    if (!Learns(parameter.key())) continue;
    ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
    EXPECT_TRUE(parameter.value().grad().isfinite().all().item<bool>()) << parameter.key();
  }
}

TEST_P(ModelContract, RefusesWhatDoesNotFit) {
  const torch::NoGradGuard no_grad;
  const Clip whole = Whole(Video(1, 4));
  States states;
  model_->Propagate(whole, Recorder(states, *model_, 4));
  const Clip good = Part(whole, states, 1, 3);
  const auto refused = [&](const auto& spoil) {
    Clip clip = good;
    spoil(clip);
    EXPECT_THROW(model_->Forward(clip, nullptr), c10::Error);
    EXPECT_THROW(model_->Propagate(clip, nullptr), c10::Error);
  };
  refused([](Clip& clip) { clip.frames = clip.frames.squeeze(0); });
  refused([](Clip& clip) { clip.left = clip.frames.size(1); });
  refused([](Clip& clip) { clip.left = clip.right = 0; });
  refused([](Clip& clip) { clip.boundary.emplace_back(); });
  refused([](Clip& clip) { clip.boundary[0].resize(clip.boundary[0].size() + 1); });
  refused([](Clip& clip) { clip.boundary[0][0] = clip.boundary[0][0].narrow(1, 0, 1); });
  refused([](Clip& clip) {  // flows where none are used, none where they are
    clip.flows = clip.flows.forward.defined() ? Flows() : Flows{clip.frames, clip.frames};
  });
}

}  // namespace lrti::nn
