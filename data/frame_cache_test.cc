#include "data/frame_cache.h"

#include "gtest/gtest.h"

namespace lrti::data {
namespace {

/// 60 bytes in all.
std::shared_ptr<const FramePair> Pair() {
  auto pair = std::make_shared<FramePair>();
  pair->hr = {4, 4, std::vector<uint8_t>(48)};
  pair->lr = {2, 2, std::vector<uint8_t>(12)};
  return pair;
}

TEST(FrameCache, DropsTheLeastRecentlyUsed) {
  FrameCache cache(130);
  cache.Insert({0, 0}, Pair());
  cache.Insert({0, 1}, Pair());
  EXPECT_NE(cache.Find({0, 0}), nullptr);
  cache.Insert({0, 2}, Pair());
  EXPECT_EQ(cache.Find({0, 1}), nullptr);
  EXPECT_NE(cache.Find({0, 0}), nullptr);
  EXPECT_NE(cache.Find({0, 2}), nullptr);
  EXPECT_EQ(cache.bytes(), 120);
}

TEST(FrameCache, KeepsClipsApart) {
  FrameCache cache(1000);
  cache.Insert({0, 7}, Pair());
  EXPECT_EQ(cache.Find({7, 0}), nullptr);
  EXPECT_EQ(cache.Find({1, 7}), nullptr);
}

TEST(FrameCache, NeverHoldsMoreThanItMay) {
  FrameCache cache(59);
  cache.Insert({0, 0}, Pair());
  EXPECT_EQ(cache.Find({0, 0}), nullptr);
  EXPECT_EQ(cache.bytes(), 0);
}

TEST(FrameCache, CountsAFrameOnce) {
  FrameCache cache(1000);
  cache.Insert({0, 0}, Pair());
  cache.Insert({0, 0}, Pair());
  EXPECT_EQ(cache.bytes(), 60);
}

TEST(FrameCache, AFrameInUseOutlivesItsPlace) {
  FrameCache cache(60);
  cache.Insert({0, 0}, Pair());
  const auto pair = cache.Find({0, 0});
  cache.Insert({0, 1}, Pair());
  EXPECT_EQ(cache.Find({0, 0}), nullptr);
  EXPECT_EQ(pair->hr.pixels.size(), 48U);
}

}  // namespace
}  // namespace lrti::data
