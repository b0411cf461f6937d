#include "train/trainer.h"

#include <torch/torch.h>

#include <array>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <limits>
#include <ostream>

#include "common/base/clock.h"
#include "common/hidden_state/faulty_store.h"
#include "common/hidden_state/memory_store.h"
#include "gtest/gtest.h"
#include "nn/losses/charbonnier.h"
#include "train/collective/test_ranks.h"
#include "train/synthetic_clip.h"
#include "train/tensor/frames.h"

namespace lrti::train {
namespace {

const job::TbStrategy kTb = {.clip_frames = 4, .sequence_frames = 10, .clips_per_sequence = 3};
const job::PiStrategy kPi = {.clip_frames = 4, .repeats = 5};

/// A trainer with all that it stands on.
struct Bench {
  explicit Bench(job::Spec spec_in, hidden_state::Store* store_in = nullptr,
                 Collective* group = nullptr)
      : spec(std::move(spec_in)) {
    dataset =
        data::Dataset::Open(spec.data.train.source, spec.data.train.degradation, int64_t{64} << 20)
            .value();
    trainer = Trainer::Make(spec, *dataset, store_in ? *store_in : store, progress, c10::kCPU,
                            group ? *group : alone, stop)
                  .value();
  }

  StepResult Steps(int count) {
    StepResult last;
    for (int i = 0; i < count; ++i) last = trainer->Step().value();
    return last;
  }

  job::Spec spec;
  SystemClock clock;
  events::Progress progress{clock};
  hidden_state::MemoryStore store{uint64_t{64} << 20};
  LocalCollective alone;
  std::atomic<bool> stop = false;
  std::unique_ptr<data::Dataset> dataset;
  std::unique_ptr<Trainer> trainer;
};

bool SameWeights(Bench& one, Bench& two) {
  const auto a = one.trainer->model().parameters(), b = two.trainer->model().parameters();
  for (size_t i = 0; i < a.size(); ++i) {
    if (!a[i].equal(b[i])) return false;
  }
  return a.size() == b.size();
}

class TrainerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { clip_ = WriteSyntheticClip("trainer", 24, 96, 128); }
  static void TearDownTestSuite() { std::filesystem::remove_all(clip_); }
  static job::Spec Spec(const job::StrategyConfig& strategy) { return TinySpec(strategy, clip_); }

  static inline std::string clip_;
};

TEST_F(TrainerTest, WithoutACutTbEqualsPlainToTheBit) {
  Bench plain(Spec(job::PlainStrategy{.clip_frames = 6}));
  Bench tb(Spec(job::TbStrategy{.clip_frames = 6,
                                .sequence_frames = 6,
                                .clips_per_sequence = 1,
                                .start = job::StartPolicy::kFull}));
  plain.Steps(4);
  tb.Steps(4);
  EXPECT_TRUE(SameWeights(plain, tb));
}

TEST_F(TrainerTest, WithFreshWeightsAClipsLossIsThatOfTheLongPass) {
  for (const auto policy : {job::StartPolicy::kInterior, job::StartPolicy::kFull}) {
    job::TbStrategy strategy = kTb;
    strategy.start = policy;
    job::Spec spec = Spec(strategy);
    spec.optimizer.lr = 0;  // weights stay as they are: no state is stale
    spec.train.global_batch = 1;
    Bench bench(spec);
    const ClipPlan plan = ClipPlan::Make(MakeProcedure(spec.strategy, 1), spec.data.train,
                                         bench.dataset->clips(), 1, spec.train.seed)
                              .value();
    for (int64_t step = 0; step < 12; ++step) {
      const PlannedClip clip = plan.Step(step).front();
      const data::Sequence sequence = bench.dataset->Load(plan.SequenceCut(clip.sequence)).value();
      const at::Tensor output = bench.trainer->model().Forward(
          {.frames = FromPlanes(sequence.lr, 3, sequence.height, sequence.width)}, {});
      const at::Tensor target = FromPlanes(sequence.hr, 3, 4 * sequence.height, 4 * sequence.width);
      const double whole =
          nn::Charbonnier(output.narrow(1, clip.start, 4), target.narrow(1, clip.start, 4), 1e-12)
              .item<double>();
      EXPECT_NEAR(bench.Steps(1).loss, whole, 1e-6) << step;
    }
  }
}

struct ResumeCase {
  std::string name;
  job::StrategyConfig strategy;
  job::StateDtype dtype = job::StateDtype::kFp32;
};

void PrintTo(const ResumeCase& test, std::ostream* out) { *out << test.name; }

class TrainerResume : public TrainerTest, public testing::WithParamInterface<ResumeCase> {};

INSTANTIATE_TEST_SUITE_P(
    All, TrainerResume,
    testing::Values(ResumeCase{"plain", job::PlainStrategy{.clip_frames = 5}},
                    ResumeCase{"random",
                               job::PlainStrategy{.clip_frames = 5,
                                                  .initial_state = job::InitialState::kRandom}},
                    ResumeCase{"tb", kTb}, ResumeCase{"tb_bf16", kTb, job::StateDtype::kBf16},
                    ResumeCase{"tb_fp16", kTb, job::StateDtype::kFp16},
                    ResumeCase{"tb_int8", kTb, job::StateDtype::kInt8}, ResumeCase{"pi", kPi}),
    [](const auto& test) { return test.param.name; });

TEST_P(TrainerResume, AtAnyStepGoesOnAsIfItHadNeverStopped) {
  job::Spec spec = Spec(GetParam().strategy);
  spec.cache.dtype = GetParam().dtype;
  Bench unbroken(spec);
  unbroken.Steps(8);
  for (const int cut : {1, 2, 3, 5}) {
    Bench before(spec), after(spec);
    before.Steps(cut);
    ASSERT_TRUE(after.trainer->Restore(before.trainer->Save()).ok());
    const StepResult last = after.Steps(8 - cut);
    EXPECT_TRUE(SameWeights(unbroken, after)) << "cut after step " << cut;
    EXPECT_EQ(last.recomputed_states, 0);
  }
}

struct RanksCase {
  std::string name;
  job::StrategyConfig strategy;
  int64_t steps = 0;
};

void PrintTo(const RanksCase& test, std::ostream* out) { *out << test.name; }

class TrainerRanks : public TrainerTest, public testing::WithParamInterface<RanksCase> {
 protected:
  /// A job whose updates follow the gradients, rather than the signs of ones that are but rounding.
  static job::Spec SpecOf(const RanksCase& test) {
    job::Spec spec = Spec(test.strategy);
    spec.optimizer.epsilon = 1e-2;
    return spec;
  }
};

INSTANTIATE_TEST_SUITE_P(
    All, TrainerRanks,
    testing::Values(
        RanksCase{"plain", job::PlainStrategy{.clip_frames = 5}, 4},
        RanksCase{"random",
                  job::PlainStrategy{.clip_frames = 5, .initial_state = job::InitialState::kRandom},
                  4},
        RanksCase{"tb", kTb, 7},
        // Five clips of one video in steps of two: the third step has one for two ranks.
        RanksCase{"pi", kPi, 7}),
    [](const auto& test) { return test.param.name; });

TEST_P(TrainerRanks, TwoOfThemDoWhatOneDoes) {
  const job::Spec spec = SpecOf(GetParam());
  Bench one(spec);
  const checkpoint::Snapshot begin = one.trainer->Save();
  std::vector<StepResult> expected;
  for (int64_t i = 0; i < GetParam().steps; ++i) expected.push_back(one.Steps(1));

  std::array<std::unique_ptr<Bench>, 2> two;
  AsRanks(2, [&](const auto group) {
    auto& bench = two[static_cast<size_t>(group->rank())];
    bench = std::make_unique<Bench>(spec, nullptr, group.get());
    ASSERT_TRUE(bench->trainer->Restore(begin).ok());  // two threads share a random generator
    for (const StepResult& step : expected) {
      const StepResult result = bench->Steps(1);
      EXPECT_EQ(result.step, step.step);
      EXPECT_NEAR(result.loss, step.loss, 1e-6);
      EXPECT_NEAR(result.psnr, step.psnr, 1e-3);
      EXPECT_NEAR(result.gradient_norm, step.gradient_norm, 1e-3 * step.gradient_norm);
      EXPECT_EQ(result.recomputed_states, 0);
    }
  });

  EXPECT_TRUE(SameWeights(*two[0], *two[1]));
  const auto found = two[0]->trainer->model().parameters();
  const auto wanted = one.trainer->model().parameters();
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_TRUE(at::allclose(found[i], wanted[i], 1e-3, 1e-5)) << "parameter " << i;
  }
}

TEST_P(TrainerRanks, ARunGoesOnWithAnotherNumberOfThem) {
  const job::Spec spec = SpecOf(GetParam());
  Bench one(spec);
  one.Steps(1);
  const checkpoint::Snapshot by_one = one.trainer->Save();
  one.Steps(3);

  checkpoint::Snapshot by_two;
  AsRanks(2, [&](const auto group) {
    Bench bench(spec, nullptr, group.get());
    ASSERT_TRUE(bench.trainer->Restore(by_one).ok());
    EXPECT_EQ(bench.Steps(1).recomputed_states, 0);  // one rank had saved the states of all clips
    if (group->first()) by_two = bench.trainer->Save();
    ASSERT_TRUE(group->Meet().ok());
  });
  Bench again(spec);
  ASSERT_TRUE(again.trainer->Restore(by_two).ok());
  again.Steps(2);

  // States that the second rank had, and rank 0 could not save, are of newer weights.
  const auto found = again.trainer->model().parameters();
  const auto wanted = one.trainer->model().parameters();
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_TRUE(at::allclose(found[i], wanted[i], 1e-2, 1e-4)) << "parameter " << i;
  }
}

TEST_F(TrainerTest, RanksOfWhichOneIsLostSaySo) {
  const job::Spec spec = Spec(kTb);
  AsRanks(2, [&](std::unique_ptr<Collective> group) {
    Bench bench(spec, nullptr, group.get());
    bench.Steps(1);
    if (!group->first()) return;
    const absl::Status status = bench.trainer->Step().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    group->Abandon();
  });
}

TEST_F(TrainerTest, RanksOfAnotherJobAreRefused) {
  AsRanks(2, [&](std::unique_ptr<Collective> group) {
    job::Spec spec = Spec(kTb);
    spec.train.seed = 1 + static_cast<uint64_t>(group->rank());
    const auto dataset =
        data::Dataset::Open(spec.data.train.source, spec.data.train.degradation, int64_t{64} << 20)
            .value();
    hidden_state::MemoryStore store(uint64_t{1} << 20);
    const SystemClock clock;
    events::Progress progress(clock);
    const absl::Status status =
        Trainer::Make(spec, *dataset, store, progress, c10::kCPU, *group).status();
    // The first has lost the other, which ends; that one says why.
    EXPECT_EQ(status.code(),
              group->first() ? absl::StatusCode::kUnavailable : absl::StatusCode::kInvalidArgument);
    if (group->first()) group->Abandon();
  });
}

TEST_F(TrainerTest, WithoutSavedStatesAResumedRunRecomputesThem) {
  job::Spec spec = Spec(kTb);
  spec.train.checkpoint_states = false;
  Bench before(spec), after(spec);
  before.Steps(2);
  ASSERT_TRUE(after.trainer->Restore(before.trainer->Save()).ok());
  EXPECT_GT(after.Steps(1).recomputed_states, 0);
}

TEST_F(TrainerTest, SavedStatesOfAnotherWindowAreLeftOutAndRecomputed) {
  job::Spec spec = Spec(kTb);
  Bench before(spec);
  before.Steps(1);
  spec.data.train.crop = 10;
  Bench after(spec);
  ASSERT_TRUE(after.trainer->Restore(before.trainer->Save()).ok());
  EXPECT_GT(after.Steps(1).recomputed_states, 0);
}

TEST_F(TrainerTest, ASnapshotThatKnowsNoOriginsIsTrusted) {
  Bench before(Spec(kTb)), after(Spec(kTb));
  before.Steps(1);
  checkpoint::Snapshot snapshot = before.trainer->Save();
  ASSERT_EQ(snapshot.extra.erase("state_origins"), 1u);
  ASSERT_TRUE(after.trainer->Restore(snapshot).ok());
  EXPECT_EQ(after.Steps(1).recomputed_states, 0);
}

TEST_F(TrainerTest, AnAlteredManifestIsRefused) {
  Bench before(Spec(kTb)), after(Spec(kTb));
  before.Steps(1);
  for (const char* name : {"state_steps", "state_origins"}) {
    checkpoint::Snapshot snapshot = before.trainer->Save();
    snapshot.extra[name] = "none";
    EXPECT_EQ(after.trainer->Restore(snapshot).code(), absl::StatusCode::kDataLoss) << name;
  }
}

TEST_F(TrainerTest, AStopBetweenLongPassesLeavesTheStepUndone) {
  Bench unbroken(Spec(kPi)), stopped(Spec(kPi)), resumed(Spec(kPi));
  unbroken.Steps(2);
  stopped.stop = true;
  EXPECT_TRUE(absl::IsCancelled(stopped.trainer->Step().status()));
  ASSERT_TRUE(resumed.trainer->Restore(stopped.trainer->Save()).ok());
  resumed.Steps(2);
  EXPECT_TRUE(SameWeights(unbroken, resumed));
}

TEST_F(TrainerTest, OneRankThatIsStoppedBetweenLongPassesStopsAll) {
  const job::Spec spec = Spec(kPi);
  AsRanks(2, [&](const auto group) {
    Bench bench(spec, nullptr, group.get());
    bench.stop = !group->first();
    EXPECT_TRUE(absl::IsCancelled(bench.trainer->Step().status()));
    EXPECT_TRUE(group->Meet().ok());
  });
}

TEST_F(TrainerTest, TellsTheEpochItIsIn) {
  Bench bench(Spec(kPi)), resumed(Spec(kPi));
  bench.Steps(2);
  EXPECT_EQ(bench.progress.Read().epoch, 0);
  bench.Steps(1);  // five clips of one video, two a step
  EXPECT_EQ(bench.progress.Read().epoch, 1);
  ASSERT_TRUE(resumed.trainer->Restore(bench.trainer->Save()).ok());
  EXPECT_EQ(resumed.progress.Read().epoch, 1);
}

TEST_F(TrainerTest, SameSeedSameRunOtherSeedOtherRun) {
  Bench one(Spec(kTb)), same(Spec(kTb));
  job::Spec spec = Spec(kTb);
  spec.train.seed = 2;
  Bench other(spec);
  one.Steps(3);
  same.Steps(3);
  other.Steps(3);
  EXPECT_TRUE(SameWeights(one, same));
  EXPECT_FALSE(SameWeights(one, other));
}

TEST_F(TrainerTest, ALostStateIsRecomputedCountedAndChangesNothing) {
  job::TbStrategy strategy = kTb;
  strategy.clips_per_sequence = 1;  // states are used at the step they were made at
  Bench healthy(Spec(strategy));
  hidden_state::MemoryStore inner(uint64_t{64} << 20);
  hidden_state::FaultyStore lossy(inner, [](const hidden_state::StateKey&) { return true; });
  Bench faulty(Spec(strategy), &lossy);

  healthy.Steps(3);
  EXPECT_GT(faulty.Steps(3).recomputed_states, 0);

  EXPECT_TRUE(SameWeights(healthy, faulty));
}

TEST_F(TrainerTest, AStaleStateIsRecomputed) {
  job::Spec spec = Spec(kTb);
  spec.cache.staleness_steps_max = 0;
  Bench bench(spec);
  EXPECT_EQ(bench.Steps(1).recomputed_states, 0);
  EXPECT_GT(bench.Steps(1).recomputed_states, 0);
}

TEST_F(TrainerTest, KeepsOnlyTheStatesOfPlannedCuts) {
  Bench bench(Spec(kTb));
  for (int step = 0; step < 7; ++step) {
    bench.Steps(1);
    // 2 sequences x 3 clips x (one state of each of two branches); fewer where cuts coincide.
    EXPECT_LE(bench.store.GetStats().entries, 2u * 3 * 2);
    EXPECT_GE(bench.store.GetStats().entries, 2u * 2);
  }
}

TEST_F(TrainerTest, SmallMicroBatchesAddUpToTheGlobalBatch) {
  job::Spec spec = Spec(kTb);
  Bench whole(spec);
  spec.train.micro_batch = 1;
  Bench parts(spec);
  const StepResult a = whole.Steps(1), b = parts.Steps(1);
  EXPECT_NEAR(a.loss, b.loss, 1e-6);
  EXPECT_NEAR(a.gradient_norm, b.gradient_norm, 1e-4 * a.gradient_norm);
}

TEST_F(TrainerTest, TheLossFalls) {
  for (const job::StrategyConfig& strategy :
       {job::StrategyConfig(job::PlainStrategy{.clip_frames = 4}), job::StrategyConfig(kTb),
        job::StrategyConfig(kPi)}) {
    job::Spec spec = Spec(strategy);
    spec.optimizer.lr = 5e-3;
    Bench bench(spec);
    double first = 0, last = 0;
    for (int i = 0; i < 40; ++i) {
      const double loss = bench.Steps(1).loss;
      if (i < 5) first += loss;
      if (i >= 35) last += loss;
    }
    EXPECT_LT(last, 0.97 * first);
  }
}

TEST_F(TrainerTest, ANumberThatIsNoneStopsBeforeAnyWeightChanges) {
  Bench bench(Spec(kTb));
  bench.Steps(1);
  std::vector<at::Tensor> weights = bench.trainer->model().parameters();
  {
    const torch::NoGradGuard no_grad;
    weights.back().fill_(std::numeric_limits<float>::quiet_NaN());
  }
  const at::Tensor before = weights.front().clone();

  const absl::Status status = bench.trainer->Step().status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(std::string(status.message()).find("step 2: the loss is nan"), std::string::npos)
      << status;
  EXPECT_TRUE(weights.front().equal(before));
}

TEST_F(TrainerTest, TheFlowNetIsFrozenFirstAndTrainedThen) {
  job::Spec spec = Spec(kTb);
  std::get<job::BasicVsrOptions>(spec.model).flow = job::Flow::kSpynet;
  spec.optimizer.flow_freeze_steps = 2;
  Bench bench(spec);
  const auto flow_weight = [&] {
    return bench.trainer->model().named_parameters()["spynet.basic_module.0.basic_module.0.weight"];
  };
  const at::Tensor start = flow_weight().detach().clone();
  bench.Steps(2);
  EXPECT_TRUE(flow_weight().equal(start));
  bench.Steps(1);
  EXPECT_FALSE(flow_weight().equal(start));
}

TEST_F(TrainerTest, ASnapshotOfAnotherNetworkIsRefusedByName) {
  job::Spec spec = Spec(kTb);
  Bench one(spec);
  std::get<job::BasicVsrOptions>(spec.model).blocks = 2;
  Bench other(spec);
  const absl::Status status = other.trainer->Restore(one.trainer->Save());
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(status.message()).find("main.2.1.conv1.weight"), std::string::npos)
      << status;
}

}  // namespace
}  // namespace lrti::train
