#include "services/coordinator/state/update_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "services/coordinator/state/text.h"

namespace lrti::coordinator {
namespace {

using testing::HasSubstr;

AttemptEnded Ended() {
  AttemptEnded ended;
  ended.job = "job";
  ended.attempt = 3;
  ended.reason = EndReason::kOomGpu;
  ended.cause = Cause{EndReason::kOomGpu, 0, "a", "full", "last", absl::FromUnixMicros(77)};
  ended.progress.loss = std::numeric_limits<double>::quiet_NaN();
  ended.row.split.wasted_us = {1, 2, 3, 4};
  ended.restarts = {1, 2, 3};
  ended.stalled_step = 0;
  ended.backoff = absl::Milliseconds(1500);
  return ended;
}

TEST(UpdateJson, GivesBackWhatWasWritten) {
  const AttemptEnded ended = Ended();
  const auto back = UpdateFromJson("AttemptEnded", ToJson(ended));
  ASSERT_TRUE(back.ok()) << back.status();
  const auto& same = std::get<AttemptEnded>(*back);
  EXPECT_EQ(same.reason, ended.reason);
  EXPECT_EQ(same.cause, ended.cause);
  EXPECT_TRUE(std::isnan(same.progress.loss));
  EXPECT_EQ(same.progress.last_step, absl::InfinitePast());
  EXPECT_EQ(same.row, ended.row);
  EXPECT_EQ(same.restarts, ended.restarts);
  EXPECT_EQ(same.stalled_step, 0) << "also where it is not the default";
  EXPECT_EQ(same.backoff, ended.backoff);
  EXPECT_EQ(ToJson(*back), ToJson(ended));
}

TEST(UpdateJson, ReadsTheFormatOfTheFirstRelease) {
  // What stands in journals must stay readable: change this text for no reason but a new field.
  const std::string text =
      R"({"actor":"ann","attempt":1,"cause":{"agent":"a","message":"full","rank":0,)"
      R"("reason":"OOM_GPU","time":5},"from":"RUNNING","job":"job","message":"m","reason":"OOM_GPU",)"
      R"("to":"STOPPING"})";
  const auto update = UpdateFromJson("StateChanged", text);
  ASSERT_TRUE(update.ok()) << update.status();
  const auto& change = std::get<StateChanged>(*update);
  EXPECT_EQ(change.from, JobState::kRunning);
  EXPECT_EQ(change.to, JobState::kStopping);
  EXPECT_EQ(change.cause->reason, EndReason::kOomGpu);
  EXPECT_EQ(ToJson(*update), text);
}

TEST(UpdateJson, RefusesWhatItDoesNotUnderstand) {
  EXPECT_EQ(UpdateFromJson("Nonsense", "{}").status().code(), absl::StatusCode::kDataLoss);
  for (const char* text : {"", "[]", "{", R"({"from":"DANCING"})", R"({"job":7})"}) {
    EXPECT_EQ(UpdateFromJson("StateChanged", text).status().code(), absl::StatusCode::kDataLoss)
        << text;
  }
}

TEST(Text, CleanLinesAreOneLineOfUtf8WithinTheirBound) {
  EXPECT_EQ(CleanLine("a\nb\tc\x01", 100), "a b c");
  EXPECT_EQ(CleanLine("gr\xc3\xbc\xc3\x9f", 100), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(CleanLine("gr\xc3\xbc\xc3\x9f", 5), "gr\xc3\xbc") << "letters are never cut";
  EXPECT_EQ(CleanLine("\xc0\xaf \xed\xa0\x80 \xf8 \xe2\x82", 100), "?? ??? ? ??");
}

}  // namespace
}  // namespace lrti::coordinator
