#include "tests/bench/resident_memory.h"

#include <cstring>
#include <vector>

#include "gtest/gtest.h"

namespace lrti::bench {
namespace {

constexpr int64_t kBytes = 64 << 20;

TEST(ResidentMemory, ThePeakRemembersWhatWasFreedUntilItIsForgotten) {
  ASSERT_TRUE(ForgetPeak().ok());
  const int64_t before = ResidentBytes().value();
  {
    std::vector<char> block(static_cast<size_t>(kBytes));
    std::memset(block.data(), 1, block.size());
    EXPECT_GT(ResidentBytes().value(), before + kBytes / 2);
  }
  EXPECT_GT(PeakResidentBytes().value(), before + kBytes / 2);

  ASSERT_TRUE(ForgetPeak().ok());

  EXPECT_LT(PeakResidentBytes().value(), before + kBytes / 2);
}

}  // namespace
}  // namespace lrti::bench
