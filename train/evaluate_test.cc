#include "train/evaluate.h"

#include <torch/torch.h>

#include <filesystem>
#include <string>

#include "common/base/clock.h"
#include "gtest/gtest.h"
#include "train/collective/test_ranks.h"
#include "train/synthetic_clip.h"

namespace lrti::train {
namespace {

TEST(Evaluator, OneRankThatIsStoppedStopsAll) {
  const std::string folder = WriteSyntheticClip("evaluate", 4, 96, 128);
  job::DataConfig config;
  config.eval.emplace_back().source.path = folder;
  AsRanks(2, [&](const auto group) {
    const auto model = nn::MakeModel(TinySpec(job::PlainStrategy{}, folder).model);
    const auto evaluator = Evaluator::Open(config).value();
    const SystemClock clock;
    events::Progress progress(clock);
    std::atomic<bool> stop = false;
    const auto evaluate = [&] {
      return evaluator->Run(*model, at::kCPU, job::Precision::kFp32, progress, *group, stop)
          .status();
    };
    EXPECT_EQ(evaluate(), absl::OkStatus());
    stop = !group->first();
    EXPECT_TRUE(absl::IsCancelled(evaluate()));
    EXPECT_TRUE(group->Meet().ok());
  });
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace lrti::train
