#include "cli/ctl/sweep/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <set>

#include "common/base/status.h"
#include "common/config/yaml.h"

namespace lrti::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

absl::StatusOr<std::vector<Variation>> Expand(const std::string& yaml) {
  const auto root = config::ParseYaml(yaml);
  EXPECT_TRUE(root.ok()) << root.status();
  return ExpandSweep(*root->Find("sweep"));
}

TEST(Sweep, GridIsEveryCombinationTheLastPathFastest) {
  const auto jobs =
      Expand("sweep: {grid: {spec.optimizer.lr: [1e-4, 2e-4], spec.train.seed: [1, 2, 3]}}");
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  ASSERT_EQ(jobs->size(), 6u);
  EXPECT_EQ(jobs->front().suffix, "-01");
  EXPECT_EQ(jobs->back().suffix, "-06");
  EXPECT_THAT((*jobs)[1].values,
              ElementsAre(Pair("spec.optimizer.lr", "1e-4"), Pair("spec.train.seed", "2")));
  EXPECT_THAT((*jobs)[3].Labels(),
              ElementsAre(Pair("optimizer.lr", "2e-4"), Pair("train.seed", "1")));
}

TEST(Sweep, ValuesMayBeTextListsAndMaps) {
  const auto jobs = Expand(
      "sweep:\n  grid:\n    spec.strategy: [{type: plain}, {type: tb, clip_frames: 5}]\n"
      "    spec.optimizer.betas: [[0.9, 0.99]]\n    spec.train.precision: [\"bf16\"]\n");
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  ASSERT_EQ(jobs->size(), 2u);
  EXPECT_THAT((*jobs)[1].values, ElementsAre(Pair("spec.strategy", "{type: tb, clip_frames: 5}"),
                                             Pair("spec.optimizer.betas", "[0.9, 0.99]"),
                                             Pair("spec.train.precision", "bf16")));
}

TEST(Sweep, RandomDrawsLieInTheirRangesAndRepeatWithTheSeed) {
  const std::string yaml =
      "sweep:\n  random:\n    samples: 200\n    seed: 7\n"
      "    spec.optimizer.lr: {min: 1e-5, max: 1e-3, log: true}\n"
      "    spec.strategy.clip_frames: {min: 5, max: 8}\n"
      "    spec.train.precision: [fp32, bf16]\n";
  const auto jobs = Expand(yaml);
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  ASSERT_EQ(jobs->size(), 200u);
  int below_middle = 0;
  std::set<std::string> frames, precisions;
  for (const Variation& job : *jobs) {
    const double rate = std::atof(job.values[0].second.c_str());
    EXPECT_GE(rate, 1e-5);
    EXPECT_LE(rate, 1e-3);
    below_middle += rate < 1e-4 ? 1 : 0;  // the middle of the logarithm
    frames.insert(job.values[1].second);
    precisions.insert(job.values[2].second);
  }
  EXPECT_GT(below_middle, 70);
  EXPECT_LT(below_middle, 130);
  EXPECT_THAT(frames, ElementsAre("5", "6", "7", "8"));
  EXPECT_THAT(precisions, ElementsAre("bf16", "fp32"));
  EXPECT_EQ((*Expand(yaml))[17].values, (*jobs)[17].values);
  EXPECT_EQ((*jobs)[0].suffix, "-001");
}

TEST(Sweep, AnotherFieldDoesNotChangeTheDrawsOfTheFirst) {
  const std::string one = "sweep: {random: {samples: 3, spec.optimizer.lr: {min: 0.0, max: 1.0}}}";
  const std::string two =
      "sweep: {random: {samples: 3, spec.train.seed: {min: 1, max: 9}, "
      "spec.optimizer.lr: {min: 0.0, max: 1.0}}}";
  EXPECT_EQ((*Expand(one))[2].values[0], (*Expand(two))[2].values[1]);
}

struct Case {
  const char* yaml;
  const char* message;
};

TEST(Sweep, RefusesWithThePathTheLineAndTheReason) {
  const std::array cases = {
      Case{"sweep: {}", "sweep (line 1): either grid or random is expected"},
      Case{"sweep: {grid: {spec.a: [1]}, random: {samples: 1}}",
           "sweep (line 1): either grid or random is expected"},
      Case{"sweep: {grids: {spec.a: [1]}}",
           "sweep.grids (line 1): unknown key; known: grid, random"},
      Case{"sweep:\n  grid:\n    spec.optimizer.lr: 3\n",
           "sweep.grid.spec.optimizer.lr (line 3): a list of values is expected, such as [1, 2]"},
      Case{"sweep:\n  grid:\n    spec.optimizer.lr: []\n",
           "sweep.grid.spec.optimizer.lr (line 3): a list of values is expected, such as [1, 2]"},
      Case{"sweep:\n  grid:\n    metadata.name: [a]\n",
           "sweep.grid.metadata.name (line 3): is no path of a field to vary, such as "
           "spec.optimizer.lr"},
      Case{"sweep:\n  random: {spec.train.seed: [1]}\n",
           "sweep.random (line 2): samples is missing: how many jobs to draw"},
      Case{"sweep:\n  random: {samples: 0, spec.train.seed: [1]}\n",
           "sweep.random.samples (line 2): 0 is below 1"},
      Case{"sweep:\n  random: {samples: 2}\n",
           "sweep.random (line 2): no field varies; name one, such as spec.train.seed"},
      Case{"sweep:\n  random: {samples: 2, spec.optimizer.lr: {min: 2, max: 1}}\n",
           "sweep.random.spec.optimizer.lr (line 2): min 2 is above max 1"},
      Case{"sweep:\n  random: {samples: 2, spec.optimizer.lr: {min: 0, max: 1, log: true}}\n",
           "sweep.random.spec.optimizer.lr (line 2): log needs min above 0, not 0"},
      Case{"sweep:\n  random: {samples: 2, spec.optimizer.lr: {min: 0}}\n",
           "sweep.random.spec.optimizer.lr (line 2): min and max are needed, or a list of values"},
      Case{"sweep:\n  random: {samples: 2, spec.optimizer.lr: {min: 0, max: 1, step: 2}}\n",
           "sweep.random.spec.optimizer.lr.step (line 2): unknown key; known: min, max, log"},
      Case{"sweep: {random: {samples: 1001, spec.train.seed: [1]}}",
           "sweep: 1001 jobs; at most 1000 are allowed, so vary fewer fields"},
  };
  for (const auto& [yaml, message] : cases) {
    SCOPED_TRACE(yaml);
    EXPECT_THAT(Message(Expand(yaml).status()), HasSubstr(message));
  }
}

TEST(Sweep, AHugeGridIsRefusedBeforeItIsMade) {
  std::string yaml = "sweep:\n  grid:\n";
  for (int i = 0; i < 40; ++i) yaml += fmt::format("    spec.a{}: [1, 2, 3, 4]\n", i);
  EXPECT_THAT(Message(Expand(yaml).status()), HasSubstr("at most 1000"));
}

}  // namespace
}  // namespace lrti::ctl
