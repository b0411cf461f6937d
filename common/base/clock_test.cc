#include "common/base/clock.h"

#include "gtest/gtest.h"

namespace lrti {
namespace {

TEST(FakeClock, StandsStillUntilMoved) {
  FakeClock clock(absl::FromUnixSeconds(100));
  const absl::Duration start = clock.Steady();
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(100));
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(105));
  EXPECT_EQ(clock.Steady() - start, absl::Seconds(5));
}

TEST(FakeClock, AJumpOfTheWallClockLeavesTheSteadyOneAlone) {
  FakeClock clock(absl::FromUnixSeconds(100));
  const absl::Duration start = clock.Steady();
  clock.JumpTo(absl::FromUnixSeconds(50));
  EXPECT_EQ(clock.Now(), absl::FromUnixSeconds(50));
  EXPECT_EQ(clock.Steady(), start);
}

TEST(SystemClock, SteadyTimeNeverGoesBack) {
  const SystemClock clock;
  absl::Duration last = clock.Steady();
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration now = clock.Steady();
    EXPECT_GE(now, last);
    last = now;
  }
  EXPECT_GT(clock.Now(), absl::FromCivil(absl::CivilSecond(2024, 1, 1), absl::UTCTimeZone()));
}

}  // namespace
}  // namespace lrti
