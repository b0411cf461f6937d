#include "common/base/random.h"

#include <algorithm>
#include <array>

#include "gtest/gtest.h"

namespace lrti {
namespace {

TEST(Random, SameNameSameNumbersOtherNameOtherNumbers) {
  Random one{1, 2, 3}, same{1, 2, 3}, other{1, 3, 2};
  const uint64_t first = one.Next();
  EXPECT_EQ(first, same.Next());
  EXPECT_NE(first, other.Next());
}

TEST(Random, BelowIsUniform) {
  Random random{42};
  std::array<int, 7> counts{};
  constexpr int kDraws = 70000;
  for (int i = 0; i < kDraws; ++i) ++counts[static_cast<size_t>(random.Below(7))];
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 7, 500);  // 5 standard deviations
}

TEST(Random, PermutationHoldsEveryNumberOnce) {
  Random random{5};
  std::vector<int64_t> order = random.Permutation(100);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

}  // namespace
}  // namespace lrti
