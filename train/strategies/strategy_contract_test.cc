#include <algorithm>
#include <map>
#include <ostream>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "train/strategies/clip_plan.h"

namespace lrti::train {
namespace {

data::ClipInfo Video(const std::string& name, int64_t frames) {
  return {.name = name, .hr_path = name, .frames = frames, .hr_height = 512, .hr_width = 640};
}

const std::vector<data::ClipInfo> kVideos = {Video("a", 60), Video("b", 50), Video("c", 44)};

job::TrainData Data() {
  job::TrainData data;
  data.crop = 64;
  return data;
}

ClipPlan PlanOf(const job::StrategyConfig& strategy, int64_t batch = 2, uint64_t seed = 7) {
  return ClipPlan::Make(MakeProcedure(strategy, /*order=*/2), Data(), kVideos, batch, seed).value();
}

struct Case {
  job::StrategyConfig strategy;
};

void PrintTo(const Case& c, std::ostream* out) { *out << MakeProcedure(c.strategy, 2).name; }

/// Every strategy is held to the same laws; a new one is added to this list.
class StrategyContract : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(
    All, StrategyContract,
    testing::Values(
        Case(job::PlainStrategy{.clip_frames = 8}),
        Case(job::PlainStrategy{.clip_frames = 8, .initial_state = job::InitialState::kRandom}),
        Case(job::TbStrategy{}), Case(job::TbStrategy{.start = job::StartPolicy::kFull}),
        Case(job::PiStrategy{.clip_frames = 8, .repeats = 3}),
        Case(job::PiStrategy{.clip_frames = 8, .repeats = 3, .start = job::StartPolicy::kFull})),
    [](const auto& test) {
      return MakeProcedure(test.param.strategy, 2).name + std::to_string(test.index);
    });

TEST_P(StrategyContract, ClipsAndTheirContextLieInsideTheSequence) {
  const ClipPlan plan = PlanOf(GetParam().strategy);
  const Procedure& procedure = plan.procedure();
  for (int64_t step = 0; step < 200; ++step) {
    for (const PlannedClip& clip : plan.Step(step)) {
      const data::Cut cut = plan.SequenceCut(clip.sequence);
      const int64_t end = clip.start + procedure.clip_frames;
      EXPECT_GE(clip.start - clip.left, 0);
      EXPECT_LE(end + clip.right, cut.frames);
      // A side has less context than the order only where the sequence ends.
      EXPECT_EQ(clip.left, std::min(procedure.order, clip.start));
      EXPECT_EQ(clip.right, std::min(procedure.order, cut.frames - end));
      if (procedure.start == job::StartPolicy::kInterior) {
        EXPECT_EQ(clip.left, procedure.order);
        EXPECT_EQ(clip.right, procedure.order);
      }
    }
  }
}

TEST_P(StrategyContract, SequencesLieInsideTheirVideo) {
  const ClipPlan plan = PlanOf(GetParam().strategy);
  for (int64_t sequence = 0; sequence < 100; ++sequence) {
    const data::Cut cut = plan.SequenceCut(sequence);
    const data::ClipInfo& video = kVideos[static_cast<size_t>(cut.clip)];
    EXPECT_GE(cut.first_frame, 0);
    EXPECT_LE(cut.first_frame + cut.frames, video.frames);
    EXPECT_LE(cut.top + cut.height, video.hr_height / 4);
    EXPECT_LE(cut.left + cut.width, video.hr_width / 4);
  }
}

TEST_P(StrategyContract, EveryStepUsesClipsThatWerePlannedBeforeTheLongPass) {
  const ClipPlan plan = PlanOf(GetParam().strategy);
  for (int64_t step = 0; step < 60; ++step) {
    for (const PlannedClip& clip : plan.Step(step)) {
      EXPECT_THAT(plan.ClipsOf(clip.sequence), testing::Contains(clip));
      EXPECT_EQ(clip.sequence / plan.SequencesPerRefresh(), plan.RefreshOf(step));
    }
  }
}

TEST_P(StrategyContract, ARefreshUsesEachPlannedClipOnce) {
  const ClipPlan plan = PlanOf(GetParam().strategy);
  std::map<int64_t, std::vector<int64_t>> used, planned;
  for (int64_t step = 0; plan.RefreshOf(step) == 0; ++step) {
    for (const PlannedClip& clip : plan.Step(step)) used[clip.sequence].push_back(clip.start);
  }
  for (int64_t sequence = 0; sequence < plan.SequencesPerRefresh(); ++sequence) {
    for (const PlannedClip& clip : plan.ClipsOf(sequence)) {
      planned[sequence].push_back(clip.start);
    }
  }
  EXPECT_EQ(used, planned);
}

TEST_P(StrategyContract, PartsOfRanksMakeUpTheStepAndTheRefresh) {
  const ClipPlan plan = PlanOf(GetParam().strategy, /*batch=*/4);
  for (const int64_t ranks : {1, 2, 3, 4, 7}) {
    for (int64_t step = 0; step < 30; ++step) {
      std::vector<PlannedClip> all;
      size_t most = 0, fewest = 100;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        const auto part = plan.Step(step, {rank, ranks});
        all.insert(all.end(), part.begin(), part.end());
        most = std::max(most, part.size());
        fewest = std::min(fewest, part.size());
        if (plan.procedure().scope == Scope::kEpoch) continue;
        const auto own = plan.SequencesOf(plan.RefreshOf(step), {rank, ranks});
        for (const PlannedClip& clip : part) EXPECT_THAT(own, testing::Contains(clip.sequence));
      }
      EXPECT_EQ(all, plan.Step(step));
      EXPECT_LE(most - fewest, 1u);
    }
    std::vector<int64_t> sequences;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      for (const int64_t number : plan.SequencesOf(5, {rank, ranks})) sequences.push_back(number);
    }
    EXPECT_EQ(sequences, plan.SequencesOf(5));
  }
}

TEST_P(StrategyContract, IsAFunctionOfSeedAndStep) {
  const ClipPlan one = PlanOf(GetParam().strategy), same = PlanOf(GetParam().strategy);
  const ClipPlan other = PlanOf(GetParam().strategy, 2, /*seed=*/8);
  bool differs = false;
  for (int64_t step = 0; step < 20; ++step) {
    EXPECT_EQ(one.Step(step), same.Step(step));
    differs |= !(one.SequenceCut(step) == other.SequenceCut(step));
  }
  EXPECT_TRUE(differs);
}

TEST(ClipPlan, ReachesEveryStartOfItsPolicyAndNoOther) {
  for (const auto policy : {job::StartPolicy::kInterior, job::StartPolicy::kFull}) {
    const ClipPlan plan = PlanOf(job::TbStrategy{
        .clip_frames = 8, .sequence_frames = 20, .clips_per_sequence = 50, .start = policy});
    std::set<int64_t> starts;
    for (int64_t sequence = 0; sequence < 20; ++sequence) {
      for (const PlannedClip& clip : plan.ClipsOf(sequence)) starts.insert(clip.start);
    }
    const bool interior = policy == job::StartPolicy::kInterior;
    EXPECT_EQ(*starts.begin(), interior ? 2 : 0);
    EXPECT_EQ(*starts.rbegin(), interior ? 20 - 8 - 2 : 20 - 8);
    EXPECT_EQ(starts.size(), interior ? 9u : 13u);
  }
}

TEST(ClipPlan, TakesEveryVideoOnceBeforeAnyTwice) {
  const ClipPlan plan = PlanOf(job::TbStrategy{});
  for (int64_t epoch = 0; epoch < 5; ++epoch) {
    std::set<int64_t> videos;
    for (int64_t i = 0; i < 3; ++i) videos.insert(plan.SequenceCut(3 * epoch + i).clip);
    EXPECT_EQ(videos.size(), 3u);
  }
}

TEST(ClipPlan, AnswersTheSameInAnyOrder) {
  const ClipPlan forth = PlanOf(job::TbStrategy{}), back = PlanOf(job::TbStrategy{});
  std::vector<data::Cut> cuts;
  for (int64_t sequence = 0; sequence < 12; ++sequence) cuts.push_back(forth.SequenceCut(sequence));
  for (int64_t sequence = 11; sequence >= 0; --sequence) {
    EXPECT_EQ(back.SequenceCut(sequence), cuts[static_cast<size_t>(sequence)]) << sequence;
  }
}

TEST(ClipPlan, CountsThePassesOverItsVideos) {
  const ClipPlan tb = PlanOf(job::TbStrategy{.clips_per_sequence = 2}, /*batch=*/2);
  std::vector<int64_t> epochs;  // two of three videos in two steps
  for (int64_t step = 0; step < 8; ++step) epochs.push_back(tb.EpochOf(step));
  EXPECT_THAT(epochs, testing::ElementsAre(0, 0, 0, 0, 1, 1, 2, 2));
  const ClipPlan pi = PlanOf(job::PiStrategy{.clip_frames = 8, .repeats = 4}, /*batch=*/3);
  EXPECT_EQ(pi.EpochOf(3), 0);
  EXPECT_EQ(pi.EpochOf(4), 1);
}

TEST(ClipPlan, PiTakesOneClipOfEveryVideoInEachRepeat) {
  const ClipPlan plan = PlanOf(job::PiStrategy{.clip_frames = 8, .repeats = 4}, /*batch=*/3);
  for (int64_t step = 0; step < 4; ++step) {
    std::set<int64_t> videos;
    for (const PlannedClip& clip : plan.Step(step)) videos.insert(clip.sequence % 3);
    EXPECT_EQ(videos.size(), 3u);
  }
  EXPECT_EQ(plan.StepsPerRefresh(), 4);
}

TEST(ClipPlan, AShortVideoIsTakenWhole) {
  const ClipPlan plan = PlanOf(job::TbStrategy{.sequence_frames = 50});
  for (int64_t sequence = 0; sequence < 9; ++sequence) {
    const data::Cut cut = plan.SequenceCut(sequence);
    EXPECT_EQ(cut.frames, std::min<int64_t>(50, kVideos[static_cast<size_t>(cut.clip)].frames));
  }
}

TEST(ClipPlan, FlipsAndTransposeOnlyWhereAsked) {
  job::TrainData data = Data();
  data.flip = data.transpose = false;
  const ClipPlan plan =
      ClipPlan::Make(MakeProcedure(job::TbStrategy{}, 1), data, kVideos, 1, 1).value();
  for (int64_t sequence = 0; sequence < 50; ++sequence) {
    const data::Cut cut = plan.SequenceCut(sequence);
    EXPECT_FALSE(cut.flip_horizontal || cut.flip_vertical || cut.transpose);
  }
}

TEST(ClipPlan, RefusesVideosThatAreTooShortOrTooSmall) {
  const auto make = [](const job::StrategyConfig& strategy, int64_t crop) {
    job::TrainData data;
    data.crop = crop;
    return ClipPlan::Make(MakeProcedure(strategy, 2), data, {Video("clip7", 11)}, 1, 1).status();
  };
  EXPECT_EQ(std::string(make(job::TbStrategy{.clip_frames = 8}, 64).message()),
            "clip7: 11 frames are too few: a clip of 8 frames away from both ends needs 12; take a "
            "shorter clip_frames or leave the video out (data.train.exclude)");
  EXPECT_EQ(std::string(make(job::TbStrategy{.clip_frames = 7}, 256).message()),
            "clip7: spec.data.train.crop: 256 is larger than the LR frame of 160x128 (width x "
            "height); take a smaller crop, or 0 for whole frames");
  EXPECT_TRUE(make(job::TbStrategy{.clip_frames = 7}, 64).ok());
}

}  // namespace
}  // namespace lrti::train
