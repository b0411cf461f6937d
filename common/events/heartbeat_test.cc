#include "common/events/heartbeat.h"

#include <chrono>

#include "common/events/kinds.h"
#include "gtest/gtest.h"

namespace lrti::events {
namespace {

TEST(Progress, AgeCountsFromTheLastChangeOfPhase) {
  FakeClock clock;
  Progress progress(clock);
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(progress.Read().phase, Phase::kStarting);
  EXPECT_EQ(progress.Read().phase_age, absl::Seconds(3));
  progress.SetPhase(Phase::kLongPass);
  clock.Advance(absl::Milliseconds(250));
  EXPECT_EQ(progress.Read().phase, Phase::kLongPass);
  EXPECT_EQ(progress.Read().phase_age, absl::Milliseconds(250));
}

TEST(Progress, AJumpOfTheWallClockMakesNoStall) {
  FakeClock clock;
  const Progress progress(clock);
  clock.JumpTo(absl::FromUnixSeconds(2'000'000'000));
  EXPECT_EQ(progress.Read().phase_age, absl::ZeroDuration());
}

TEST(EnterPhase, SetsThePhaseAndTellsIt) {
  FakeClock clock;
  Progress progress(clock);
  progress.SetStep(12);
  MemorySink sink;
  EnterPhase(progress, sink, Phase::kForwardBackward);
  EXPECT_EQ(progress.Read().phase, Phase::kForwardBackward);
  ASSERT_EQ(sink.Of(kind::kPhase).size(), 1u);
  EXPECT_EQ(sink.events()[0],
            (Event{{"event", "phase"}, {"phase", "forward_backward"}, {"step", 12}}));
}

TEST(Heartbeat, ALiveThreadWithAnOldStepShowsAsAStall) {
  FakeClock clock;
  Progress progress(clock);
  progress.SetStep(41);
  progress.SetEpoch(2);
  progress.SetMemoryBytes(1 << 30);
  progress.SetPhase(Phase::kOptimizer);
  clock.Advance(absl::Seconds(90));
  EXPECT_EQ(HeartbeatEvent(progress), (Event{{"event", "heartbeat"},
                                             {"step", 41},
                                             {"epoch", 2},
                                             {"phase", "optimizer"},
                                             {"phase_age_s", 90.0},
                                             {"memory_bytes", 1 << 30}}));
}

TEST(Heartbeat, BeatsFromItsOwnThreadAndStopsAtOnce) {
  const SystemClock clock;
  Progress progress(clock);
  MemorySink sink;
  {
    const Heartbeat heartbeat(progress, sink, absl::Milliseconds(1));
    while (sink.events().size() < 3) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const size_t beats = sink.events().size();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(sink.events().size(), beats);

  const auto start = std::chrono::steady_clock::now();
  { const Heartbeat slow(progress, sink, absl::Hours(1)); }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(TeeSink, HandsEveryEventToEverySink) {
  MemorySink first;
  MemorySink second;
  TeeSink tee({&first, &second});
  tee.Emit({{"event", "step"}});
  tee.Emit({{"event", "eval"}});
  EXPECT_EQ(first.events(), second.events());
  EXPECT_EQ(first.events().size(), 2u);
  EXPECT_EQ(second.Of("eval").size(), 1u);
}

}  // namespace
}  // namespace lrti::events
