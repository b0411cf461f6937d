#include "common/hidden_state/client/breaker.h"

#include "common/base/clock.h"
#include "gtest/gtest.h"

namespace lrti::hidden_state::client {
namespace {

constexpr absl::Duration kMs = absl::Milliseconds(1);

TEST(Breaker, AsksANodeThatAnswers) {
  Breaker breaker;
  FakeClock clock;
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(breaker.Admit(clock.Steady()));
  EXPECT_FALSE(breaker.open());
}

TEST(Breaker, LetsOneCallerTryAfterEachPauseThatDoublesToItsBound) {
  Breaker breaker({.first = 50 * kMs, .longest = 300 * kMs});
  FakeClock clock;
  breaker.Fail(clock.Steady());
  for (const int pause : {50, 100, 200, 300, 300}) {
    SCOPED_TRACE(pause);
    EXPECT_FALSE(breaker.Admit(clock.Steady()));
    clock.Advance((pause - 1) * kMs);
    EXPECT_FALSE(breaker.Admit(clock.Steady()));
    clock.Advance(kMs);
    EXPECT_TRUE(breaker.Admit(clock.Steady()));
    EXPECT_FALSE(breaker.Admit(clock.Steady()));  // one at a time
    breaker.Fail(clock.Steady());
  }
}

TEST(Breaker, FailuresOfSeveralCallersCountOnce) {
  Breaker breaker({.first = 50 * kMs, .longest = 300 * kMs});
  FakeClock clock;
  for (int i = 0; i < 4; ++i) breaker.Fail(clock.Steady());
  clock.Advance(50 * kMs);
  EXPECT_TRUE(breaker.Admit(clock.Steady()));
}

TEST(Breaker, ACallerThatNeverReportsDoesNotBlockTheNext) {
  Breaker breaker({.first = 50 * kMs, .longest = 300 * kMs});
  FakeClock clock;
  breaker.Fail(clock.Steady());
  clock.Advance(50 * kMs);
  EXPECT_TRUE(breaker.Admit(clock.Steady()));
  clock.Advance(100 * kMs);
  EXPECT_TRUE(breaker.Admit(clock.Steady()));
}

TEST(Breaker, OneAnswerEndsItAndTheNextPauseIsShortAgain) {
  Breaker breaker({.first = 50 * kMs, .longest = 300 * kMs});
  FakeClock clock;
  breaker.Fail(clock.Steady());
  clock.Advance(50 * kMs);
  EXPECT_TRUE(breaker.Admit(clock.Steady()));
  breaker.Succeed();
  EXPECT_TRUE(breaker.Admit(clock.Steady()));
  breaker.Fail(clock.Steady());
  clock.Advance(50 * kMs);
  EXPECT_TRUE(breaker.Admit(clock.Steady()));
}

}  // namespace
}  // namespace lrti::hidden_state::client
