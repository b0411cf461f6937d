#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/test_files.h"
#include "fmt/format.h"
#include "services/coordinator/api/event_lines.h"
#include "services/coordinator/api/log_tail.h"

namespace lrti::coordinator {
namespace {

using ::testing::ElementsAre;

constexpr const char* kJob = "lrti-abc";

class TailTest : public ::testing::Test {
 protected:
  void Write(int64_t attempt, int64_t rank, Stream stream, const std::string& text, bool complete) {
    const SpoolName name{kJob, attempt, rank, stream};
    const auto piece = spool_.Read(name, 0, 1);
    ASSERT_TRUE(spool_.Append(name, piece->size, text, complete).ok());
  }

  /// What one look adds, as `attempt/rank@offset:data`, `$` for complete, `-5` for missing bytes.
  std::vector<std::string> Look(LogTail& tail) {
    std::vector<std::string> seen;
    const auto wanted = tail.Advance([&](const LogTail::Chunk& chunk) {
      seen.push_back(fmt::format("{}/{}@{}:{}{}{}", chunk.attempt, chunk.rank, chunk.offset,
                                 chunk.data, chunk.complete ? "$" : "",
                                 chunk.missing > 0 ? fmt::format("-{}", chunk.missing) : ""));
      return true;
    });
    EXPECT_TRUE(wanted.ok() && *wanted) << wanted.status();
    return seen;
  }

  TemporaryFolder folder_;
  SpoolStore spool_{folder_.path(), 1 << 20};
};

TEST_F(TailTest, ShowsEachByteOfEachRankOnce) {
  LogTail tail(spool_, {.job = kJob, .attempt = 1});
  EXPECT_THAT(Look(tail), ElementsAre());
  Write(1, 0, Stream::kLog, "a", false);
  Write(1, 1, Stream::kLog, "x", false);
  EXPECT_THAT(Look(tail), ElementsAre("1/0@0:a", "1/1@0:x"));
  EXPECT_THAT(Look(tail), ElementsAre());
  Write(1, 0, Stream::kLog, "b", true);
  EXPECT_THAT(Look(tail), ElementsAre("1/0@1:b$"));
  EXPECT_FALSE(tail.AttemptComplete(2));
  Write(1, 1, Stream::kLog, "", true);
  EXPECT_THAT(Look(tail), ElementsAre("1/1@1:$"));
  EXPECT_TRUE(tail.AttemptComplete(2));
  EXPECT_THAT(Look(tail), ElementsAre());
}

TEST_F(TailTest, BeginsWithTheLastLinesAndResumesAtOffsets) {
  Write(1, 0, Stream::kLog, "one\ntwo\nthree\n", false);
  LogTail last(spool_, {.job = kJob, .attempt = 1, .tail_lines = 1});
  EXPECT_THAT(Look(last), ElementsAre("1/0@8:three\n"));
  LogTail resumed(spool_, {.job = kJob, .attempt = 1, .offsets = {{0, 4}}});
  EXPECT_THAT(Look(resumed), ElementsAre("1/0@4:two\nthree\n"));
}

TEST_F(TailTest, MovesToTheNextAttemptFromItsBegin) {
  Write(1, 0, Stream::kLog, "old", true);
  Write(2, 0, Stream::kLog, "new", false);
  LogTail tail(spool_, {.job = kJob, .attempt = 1, .rank = 0});
  EXPECT_THAT(Look(tail), ElementsAre("1/0@0:old$"));
  tail.MoveTo(2);
  EXPECT_THAT(Look(tail), ElementsAre("2/0@0:new"));
}

TEST_F(TailTest, WaitsForAnAttemptThatIsYetToCome) {
  LogTail tail(spool_, {.job = kJob, .attempt = 0, .rank = 0});
  EXPECT_THAT(Look(tail), ElementsAre());
  Write(1, 0, Stream::kLog, "begun", false);
  tail.MoveTo(1);
  EXPECT_THAT(Look(tail), ElementsAre("1/0@0:begun"));
}

TEST_F(TailTest, SaysHowMuchWasNotKept) {
  SpoolStore small(folder_ / "small", 10);
  const SpoolName name{kJob, 1, 0, Stream::kLog};
  ASSERT_TRUE(small.Append(name, 0, "0123456789abc", true).ok());
  LogTail tail(small, {.job = kJob, .attempt = 1});
  EXPECT_THAT(Look(tail), ElementsAre("1/0@0:0123456789", "1/0@13:$-3"));
  LogTail resumed(small, {.job = kJob, .attempt = 1, .offsets = {{0, 13}}});
  EXPECT_THAT(Look(resumed), ElementsAre("1/0@13:$")) << "and that once";
}

TEST_F(TailTest, EventsComeAsWholeLinesWithoutHeartbeats) {
  const SpoolName name{kJob, 1, 0, Stream::kEvents};
  const std::string beat = "{\"event\":\"heartbeat\"}\n", step = "{\"event\":\"step\"}\n";
  Write(1, 0, Stream::kEvents, beat + step + "{\"event\":\"half", false);
  const auto first = ReadEventLines(spool_, name, 0);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->lines, step);
  EXPECT_EQ(first->next, beat.size() + step.size());
  EXPECT_FALSE(first->complete);
  Write(1, 0, Stream::kEvents, "\"}\n", true);
  const auto second = ReadEventLines(spool_, name, first->next);
  EXPECT_EQ(second->lines, "{\"event\":\"half\"}\n");
  EXPECT_TRUE(second->complete);
}

TEST_F(TailTest, ALineLongerThanAPieceIsOnePiece) {
  const SpoolName name{kJob, 1, 0, Stream::kEvents};
  const std::string line = "{\"event\":\"x\",\"message\":\"" + std::string(80'000, 'm') + "\"}\n";
  Write(1, 0, Stream::kEvents, line + line, true);
  const auto first = ReadEventLines(spool_, name, 0);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->lines, line);
  Write(1, 1, Stream::kEvents, std::string(200'000, 'm'), false);
  EXPECT_TRUE(absl::IsDataLoss(ReadEventLines(spool_, {kJob, 1, 1, Stream::kEvents}, 0).status()));
}

}  // namespace
}  // namespace lrti::coordinator
