#include "train/ranks/run_lock.h"

#include <optional>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "gtest/gtest.h"

namespace lrti::train {
namespace {

TEST(RunLock, IsHeldByOneAtATimeAndFreeAfterwards) {
  const TemporaryFolder folder;
  absl::Duration slept;
  const auto take = [&](absl::Duration patience) {
    return RunLock::Take(folder.path(), patience, [&](absl::Duration pause) { slept += pause; });
  };
  std::optional<RunLock> first = take(absl::ZeroDuration()).value();
  const absl::Status refused = take(absl::Seconds(2)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(Message(refused).find(folder.path()), std::string::npos);
  EXPECT_EQ(slept, absl::Seconds(2));
  first.reset();
  EXPECT_TRUE(take(absl::ZeroDuration()).ok());
  EXPECT_EQ(slept, absl::Seconds(2));
}

TEST(RunLock, IsWaitedFor) {
  const TemporaryFolder folder;
  std::optional<RunLock> first =
      RunLock::Take(folder.path(), absl::ZeroDuration(), [](absl::Duration) {}).value();
  int sleeps = 0;
  const auto second = RunLock::Take(folder.path(), absl::Seconds(20), [&](absl::Duration) {
    if (++sleeps == 3) first.reset();
  });
  EXPECT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(sleeps, 3);
}

}  // namespace
}  // namespace lrti::train
