#include "common/events/stamped_sink.h"

#include "gtest/gtest.h"

namespace lrti::events {
namespace {

TEST(StampedSink, AddsItsFieldWhereAnEventLacksIt) {
  MemorySink memory;
  StampedSink stamped(memory, "rank", 3);
  stamped.Emit({{"event", "step"}, {"step", 7}});
  stamped.Emit({{"event", "step"}, {"rank", 0}});
  const std::vector<Event> events = memory.events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].dump(), R"({"event":"step","step":7,"rank":3})");
  EXPECT_EQ(events[1]["rank"], 0);
}

}  // namespace
}  // namespace lrti::events
