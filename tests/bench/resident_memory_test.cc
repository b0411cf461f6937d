#include "tests/bench/resident_memory.h"

#include <sys/mman.h>

#include <cstring>

#include "gtest/gtest.h"

namespace lrti::bench {
namespace {

constexpr int64_t kBytes = 64 << 20;

TEST(ResidentMemory, ThePeakRemembersWhatWasFreedUntilItIsForgotten) {
  ASSERT_TRUE(ForgetPeak().ok());
  const int64_t before = ResidentBytes().value();
  // Not by malloc, which may keep what is freed.
  void* block = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(block, MAP_FAILED);
  std::memset(block, 1, kBytes);
  EXPECT_GT(ResidentBytes().value(), before + kBytes / 2);
  munmap(block, kBytes);
  EXPECT_GT(PeakResidentBytes().value(), before + kBytes / 2);

  ASSERT_TRUE(ForgetPeak().ok());

  EXPECT_LT(PeakResidentBytes().value(), before + kBytes / 2);
}

}  // namespace
}  // namespace lrti::bench
