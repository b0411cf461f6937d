#include "nn/census/states.h"

#include <gtest/gtest.h>

#include "nn/census/shapes_alone.h"
#include "nn/models/model.h"

namespace lrti::nn {
namespace {

constexpr int64_t kFp32 = 4;

struct Case {
  const char* name;
  job::ModelConfig config;
  int64_t tensors;
  int64_t small;  // bytes of one state, fp32, at 64x64
  int64_t large;  // at 180x320
};

TEST(States, TakeThePublishedBytes) {
  const std::vector<Case> cases = {
      {"FRVSR", job::FrvsrOptions(), 1, 786'432, 11'059'200},
      {"BasicVSR", job::BasicVsrOptions(), 2, 1'048'576, 14'745'600},
      {"BasicVSR++", job::BasicVsrPlusPlusOptions(), 8, 1'048'576, 14'745'600},
      {"PSRT", job::PsrtOptions(), 8, 1'966'080, 27'648'000},
      {"LRTI-VSR", job::LrtiVsrOptions(), 8, 1'966'080, 27'648'000},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    const std::vector<StateSpec> specs = MakeModel(test.config)->States();
    for (const StateSpec& spec : specs) {
      EXPECT_EQ(kFp32 * StateNumbers(spec, 64, 64), test.small);
      EXPECT_EQ(kFp32 * StateNumbers(spec, 180, 320), test.large);
    }
    const ClipStates clip = StatesOfClip(specs, 64, 64);
    EXPECT_EQ(clip.tensors, test.tensors);
    EXPECT_EQ(kFp32 * clip.numbers, test.tensors * test.small);
  }
}

TEST(States, OfTheEnlargedFrameAreFourTimesAsHighAndWide) {
  const StateSpec spec{.branch = "forward", .channels = 3, .grid = Grid::kHr};
  EXPECT_EQ(StateShape(spec, 5, 7), (std::array<int64_t, 3>{3, 20, 28}));
}

}  // namespace
}  // namespace lrti::nn
