#include "common/events/fd_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <cmath>
#include <limits>
#include <set>
#include <sstream>
#include <thread>

#include "common/base/open_file.h"
#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::events {
namespace {

using ::testing::HasSubstr;

// Both ends of a real pipe.
class Pipe {
 public:
  explicit Pipe(int flags = 0) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, flags | O_CLOEXEC), 0);
    reader_ = OpenFile(ends[0]);
    writer_ = OpenFile(ends[1]);
  }

  int writer() const { return writer_.fd(); }
  void CloseReader() { reader_ = OpenFile(); }
  void CloseWriter() { writer_ = OpenFile(); }

  /// At most `bytes_max` bytes; fewer at the end of the stream.
  std::string Read(size_t bytes_max) {
    std::string all;
    std::string piece(65536, '\0');
    while (all.size() < bytes_max) {
      const ssize_t got =
          ::read(reader_.fd(), piece.data(), std::min(piece.size(), bytes_max - all.size()));
      if (got <= 0) break;
      all.append(piece, 0, static_cast<size_t>(got));
    }
    return all;
  }

  std::string ReadToEnd() {
    CloseWriter();
    return Read(std::numeric_limits<size_t>::max());
  }

 private:
  OpenFile reader_;
  OpenFile writer_;
};

std::vector<Event> Parsed(const std::string& text) {
  std::vector<Event> events;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) events.push_back(Event::parse(line));
  EXPECT_TRUE(text.empty() || text.back() == '\n') << "the last line is torn";
  return events;
}

TEST(FdEventSink, WritesOneLineAnEventWithTimeAndNumber) {
  FakeClock clock(absl::FromUnixMicros(1'700'000'000'000'042));
  Pipe pipe;
  FdEventSink sink(pipe.writer(), clock);
  sink.Emit({{"event", "step"}, {"step", 7}, {"loss", 0.5}});
  clock.Advance(absl::Milliseconds(1500));
  sink.Emit({{"loss", nullptr}, {"event", "step"}, {"ts", "mine"}, {"seq", -1}});
  EXPECT_EQ(
      pipe.ReadToEnd(),
      "{\"ts\":\"2023-11-14T22:13:20.000042Z\",\"seq\":1,\"event\":\"step\",\"step\":7,"
      "\"loss\":0.5}\n"
      "{\"ts\":\"2023-11-14T22:13:21.500042Z\",\"seq\":2,\"event\":\"step\",\"loss\":null}\n");
  EXPECT_EQ(sink.dropped(), 0u);
}

TEST(FdEventSink, StaysJsonWhateverTheValues) {
  const SystemClock clock;
  Pipe pipe;
  FdEventSink sink(pipe.writer(), clock);
  sink.Emit({{"event", "step"}, {"loss", std::nan("")}, {"lr", INFINITY}});
  sink.Emit({{"event", "warning"}, {"message", "bad \xff byte,\nnew line"}});
  const std::vector<Event> events = Parsed(pipe.ReadToEnd());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_TRUE(events[0]["loss"].is_null() && events[0]["lr"].is_null());
  EXPECT_EQ(events[1]["message"], "bad \xEF\xBF\xBD byte,\nnew line");
}

TEST(FdEventSink, CutsAnEventThatIsTooLong) {
  const SystemClock clock;
  Pipe pipe;
  FdEventSink sink(pipe.writer(), clock);
  sink.Emit({{"event", "warning"}, {"message", std::string(FdEventSink::kLineBytesMax, 'x')}});
  const std::vector<Event> events = Parsed(pipe.ReadToEnd());
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0]["event"], "warning");
  EXPECT_EQ(events[0]["truncated"], true);
  EXPECT_FALSE(events[0].contains("message"));
}

TEST(FdEventSink, AReaderThatGoesAwayEndsWritingAndNothingElse) {
  const SystemClock clock;
  Pipe pipe;
  FdEventSink sink(pipe.writer(), clock);
  sink.Emit({{"event", "step"}});
  EXPECT_FALSE(sink.closed());
  pipe.CloseReader();
  for (int i = 0; i < 3; ++i) sink.Emit({{"event", "step"}});
  EXPECT_TRUE(sink.closed());
  EXPECT_EQ(sink.dropped(), 3u);
}

TEST(FdEventSink, AReaderThatLeavesWhileTheWriterWaitsIsNoticed) {
  const SystemClock clock;
  Pipe pipe;
  FdEventSink sink(pipe.writer(), clock, absl::Seconds(60));
  std::jthread writer([&] {
    const std::string padding(4000, 'x');
    for (int i = 0; i < 100; ++i) sink.Emit({{"event", "step"}, {"padding", padding}});
  });
  EXPECT_EQ(pipe.Read(50'000).size(), 50'000u);
  pipe.CloseReader();
  writer.join();
  EXPECT_TRUE(sink.closed());
}

// A blocking and a non-blocking descriptor must behave alike.
class FullPipe : public testing::TestWithParam<int> {};

TEST_P(FullPipe, DropsWholeEventsAndGoesOnWhenItIsRead) {
  const SystemClock clock;
  Pipe pipe(GetParam());
  FdEventSink sink(pipe.writer(), clock, absl::Milliseconds(20));
  const std::string padding(10'000, 'x');  // several pieces: lines get stuck halfway
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) sink.Emit({{"event", "step"}, {"i", i}, {"padding", padding}});
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2))
      << "each dropped event waited";
  EXPECT_GT(sink.dropped(), 100u);
  EXPECT_FALSE(sink.closed());

  std::string text = pipe.Read(30'000);
  for (int i = 200; i < 203; ++i) sink.Emit({{"event", "step"}, {"i", i}});
  text += pipe.ReadToEnd();
  const std::vector<Event> events = Parsed(text);
  EXPECT_EQ(events.size() + sink.dropped(), 203u);
  EXPECT_EQ(events.back()["i"], 202);
  EXPECT_EQ(events.back()["seq"], 203);
  int64_t last = 0;
  for (const Event& event : events) {
    EXPECT_GT(event["seq"].get<int64_t>(), last);
    last = event["seq"];
    if (event["i"] < 200) {
      EXPECT_EQ(event["padding"], padding);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Modes, FullPipe, testing::Values(0, O_NONBLOCK));

TEST(FdEventSink, ASlowReaderGetsEverything) {
  const SystemClock clock;
  Pipe pipe;
  FdEventSink sink(pipe.writer(), clock, absl::Seconds(60));
  std::jthread writer([&] {
    for (int i = 0; i < 500; ++i) {
      sink.Emit({{"event", "step"}, {"padding", std::string(static_cast<size_t>(i) * 20, 'x')}});
    }
    pipe.CloseWriter();
  });
  std::string text;
  for (std::string piece = pipe.Read(777); !piece.empty(); piece = pipe.Read(777)) text += piece;
  const std::vector<Event> events = Parsed(text);
  ASSERT_EQ(events.size(), 500u);
  EXPECT_EQ(events.back()["seq"], 500);
  EXPECT_EQ(sink.dropped(), 0u);
}

TEST(FdEventSink, LinesOfManyThreadsNeverInterleave) {
  const SystemClock clock;
  Pipe pipe;
  FdEventSink sink(pipe.writer(), clock, absl::Seconds(60));
  std::string text;
  std::jthread reader([&] { text = pipe.Read(std::numeric_limits<size_t>::max()); });
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        const std::string padding(static_cast<size_t>(3000 * t), static_cast<char>('a' + t));
        for (int i = 0; i < 100; ++i) {
          sink.Emit({{"event", "step"}, {"thread", t}, {"i", i}, {"padding", padding}});
        }
      });
    }
  }
  pipe.CloseWriter();
  reader.join();
  const std::vector<Event> events = Parsed(text);
  ASSERT_EQ(events.size(), 400u);
  std::array<int, 4> next = {};
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i]["seq"], i + 1);
    EXPECT_EQ(events[i]["i"], next.at(events[i]["thread"].get<size_t>())++);
  }
}

TEST(OpenEventFd, TakesAnOpenDescriptorAndHidesItFromChildren) {
  Pipe pipe;
  ASSERT_EQ(::fcntl(pipe.writer(), F_SETFD, 0), 0);
  const auto fd = OpenEventFd("LRTI_EVENT_FD", std::to_string(pipe.writer()));
  ASSERT_TRUE(fd.ok()) << fd.status();
  EXPECT_EQ(*fd, pipe.writer());
  EXPECT_EQ(::fcntl(*fd, F_GETFD), FD_CLOEXEC);
}

TEST(OpenEventFd, SaysWhatIsWrongWithAnyOther) {
  constexpr int kClosed = 1'000'003;
  const OpenFile reading(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::array<std::pair<std::string, std::string>, 7> cases = {{
      {"", "'' is not the number"},
      {"three", "'three' is not the number"},
      {"3x", "'3x' is not the number"},
      {"-1", "'-1' is not the number"},
      {"99999999999999", "is not the number"},
      {std::to_string(kClosed), "is not open"},
      {std::to_string(reading.fd()), "open for reading only"},
  }};
  for (const auto& [text, message] : cases) {
    const absl::Status status = OpenEventFd("LRTI_EVENT_FD", text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(Message(status), HasSubstr(message));
    EXPECT_THAT(Message(status), HasSubstr("LRTI_EVENT_FD: "));
  }
}

}  // namespace
}  // namespace lrti::events
