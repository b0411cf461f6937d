#include <gtest/gtest.h>

#include "services/cache/redis/backoff.h"
#include "services/cache/redis/ring_space.h"
#include "services/cache/redis/token_bucket.h"

namespace lrti::cache {
namespace {

TEST(TokenBucket, LetsABurstThroughAndThenKeepsTheRate) {
  TokenBucket bucket(100);
  EXPECT_EQ(bucket.Take(100, absl::Seconds(0)), absl::ZeroDuration());
  EXPECT_EQ(bucket.Take(50, absl::Seconds(0)), absl::Milliseconds(500));
  EXPECT_EQ(bucket.Take(50, absl::Seconds(0)), absl::Seconds(1));
  EXPECT_EQ(bucket.Take(50, absl::Seconds(1)), absl::Milliseconds(500));
}

TEST(TokenBucket, RestEarnsNoMoreThanABurst) {
  TokenBucket bucket(100);
  EXPECT_EQ(bucket.Take(100, absl::Hours(1)), absl::ZeroDuration());
  EXPECT_EQ(bucket.Take(100, absl::Hours(1)), absl::Seconds(1));
}

TEST(Backoff, DoublesUpToTheLongestAndStartsAnew) {
  Backoff backoff(absl::Milliseconds(100), absl::Milliseconds(350), 1);
  for (const int64_t longest : {100, 200, 350, 350}) {
    const absl::Duration wait = backoff.Next();
    EXPECT_GE(wait, absl::Milliseconds(longest) / 2);
    EXPECT_LE(wait, absl::Milliseconds(longest));
  }
  backoff.Reset();
  EXPECT_LE(backoff.Next(), absl::Milliseconds(100));
}

TEST(Breaker, TripsAfterFailuresInARowOnly) {
  Breaker breaker(2);
  EXPECT_FALSE(breaker.Failed());
  breaker.Succeeded();
  EXPECT_FALSE(breaker.Failed());
  EXPECT_TRUE(breaker.Failed());
  EXPECT_FALSE(breaker.Failed());
}

TEST(RingSpace, GivesStretchesInOnePieceRoundAndRound) {
  RingSpace ring(10);
  EXPECT_EQ(ring.Reserve(4), 0u);
  EXPECT_EQ(ring.Reserve(4), 4u);
  EXPECT_EQ(ring.Reserve(3), std::nullopt);  // 2 at the end, none at the front
  ring.ReleaseFirst();
  EXPECT_EQ(ring.Reserve(3), 0u);
  EXPECT_EQ(ring.Reserve(2), std::nullopt);
  EXPECT_EQ(ring.Reserve(1), 3u);
  ring.ReleaseFirst();  // the one at 4: what is left lies at 0..4
  EXPECT_EQ(ring.Reserve(7), std::nullopt);
  EXPECT_EQ(ring.Reserve(6), 4u);
}

TEST(RingSpace, IsWholeAgainOnceEmptyAndNeverTakesMore) {
  RingSpace ring(10);
  EXPECT_EQ(ring.Reserve(11), std::nullopt);
  EXPECT_EQ(ring.Reserve(7), 0u);
  ring.ReleaseFirst();
  EXPECT_EQ(ring.Reserve(10), 0u);
  EXPECT_EQ(ring.Reserve(1), std::nullopt);
}

}  // namespace
}  // namespace lrti::cache
