#include "common/base/duration_histogram.h"

#include <gtest/gtest.h>

#include <numeric>

namespace lrti {
namespace {

TEST(DurationHistogram, CountsEachUnderItsBound) {
  DurationHistogram histogram;
  histogram.Observe(absl::ZeroDuration());
  histogram.Observe(absl::Microseconds(10));  // a bound is within itself
  histogram.Observe(absl::Microseconds(11));
  histogram.Observe(absl::Milliseconds(2));
  histogram.Observe(absl::Hours(48));
  const DurationHistogram::Counts counts = histogram.Get();
  EXPECT_EQ(counts.within[0], 2u);
  EXPECT_EQ(counts.within[1], 1u);
  EXPECT_EQ(counts.within[5], 1u);
  EXPECT_EQ(counts.within.back(), 1u);
  EXPECT_EQ(std::accumulate(counts.within.begin(), counts.within.end(), uint64_t{0}), 5u);
  EXPECT_NEAR(counts.seconds, 172800.002021, 1e-9);
}

}  // namespace
}  // namespace lrti
