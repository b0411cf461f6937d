#include "train/ranks/fence.h"

#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/test_files.h"
#include "gtest/gtest.h"

namespace lrti::train {
namespace {

TEST(Fence, ANewerAttemptStopsAnOlderOne) {
  const TemporaryFolder folder;
  const Fence older = Fence::Raise(folder.path(), 9).value();
  EXPECT_TRUE(older.Check().ok());
  const Fence newer = Fence::Raise(folder.path(), 10).value();
  EXPECT_TRUE(newer.Check().ok());
  const absl::Status status = older.Check();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Message(status), "superseded by attempt 10; this is attempt 9, and it writes no more");
  EXPECT_EQ(ReadFile(folder / "attempt", 100).value(), "10\n");
}

TEST(Fence, AnOlderAttemptCannotComeBack) {
  const TemporaryFolder folder;
  ASSERT_TRUE(Fence::Raise(folder.path(), 3).ok());
  EXPECT_EQ(Fence::Raise(folder.path(), 2).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(Fence::Raise(folder.path(), 3).ok());
}

TEST(Fence, ARunThatNobodyCountsHasNone) {
  const TemporaryFolder folder;
  ASSERT_TRUE(Fence::Raise(folder.path(), 3).ok());
  const Fence fence = Fence::Raise(folder.path(), 0).value();
  EXPECT_TRUE(fence.Check().ok());
  EXPECT_EQ(ReadFile(folder / "attempt", 100).value(), "3\n");
}

TEST(Fence, ADamagedFileIsNamed) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "attempt", "three\n").ok());
  const absl::Status status = Fence::Raise(folder.path(), 3).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(Message(status).find(folder / "attempt"), std::string::npos);
}

}  // namespace
}  // namespace lrti::train
