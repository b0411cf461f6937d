#include "services/coordinator/logs/spool_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/status.h"
#include "common/base/test_files.h"

namespace lrti::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SpoolStoreTest : public ::testing::Test {
 protected:
  std::string Text(const SpoolName& name) {
    const auto piece = store_.Read(name, 0, 1 << 20);
    return piece.ok() ? piece->data : Message(piece.status());
  }

  TemporaryFolder folder_;
  SpoolStore store_{folder_ / "logs", 1000};
  SpoolName log_{.job = "lrti-abc", .attempt = 1, .rank = 0, .stream = Stream::kLog};
};

TEST_F(SpoolStoreTest, BytesArriveOnceHoweverOftenTheyAreSent) {
  EXPECT_EQ(*store_.Append(log_, 0, "first\n", false), 6);
  EXPECT_EQ(*store_.Append(log_, 0, "first\n", false), 6);
  EXPECT_EQ(*store_.Append(log_, 3, "st\nsecond\n", false), 13);
  EXPECT_EQ(Text(log_), "first\nsecond\n");
}

TEST_F(SpoolStoreTest, AGapIsNotTakenButAsksForWhatIsMissing) {
  EXPECT_EQ(*store_.Append(log_, 0, "ab", false), 2);
  EXPECT_EQ(*store_.Append(log_, 5, "fg", true), 2);
  EXPECT_EQ(Text(log_), "ab");
  EXPECT_FALSE(store_.Read(log_, 0, 10)->complete);
}

TEST_F(SpoolStoreTest, TheEndIsKnownOnlyWhenEveryByteIsThere) {
  EXPECT_EQ(*store_.Append(log_, 0, "all", false), 3);
  EXPECT_FALSE(store_.Read(log_, 0, 10)->complete);
  EXPECT_EQ(*store_.Append(log_, 3, "", true), 3);
  EXPECT_TRUE(store_.Read(log_, 3, 10)->complete);
}

TEST_F(SpoolStoreTest, AnotherStoreOnTheSameFolderGoesOn) {
  EXPECT_EQ(*store_.Append(log_, 0, "before ", false), 7);
  SpoolStore again(folder_ / "logs", 1000);
  EXPECT_EQ(*again.Append(log_, 7, "after", true), 12);
  EXPECT_EQ(Text(log_), "before after");
}

TEST_F(SpoolStoreTest, NamesThatLeaveTheFolderAreRefused) {
  for (const char* const job : {"", "..", "a/b", "A", "a.b"}) {
    log_.job = job;
    EXPECT_TRUE(absl::IsInvalidArgument(store_.Append(log_, 0, "x", false).status())) << job;
    EXPECT_TRUE(absl::IsInvalidArgument(store_.Read(log_, 0, 1).status())) << job;
  }
}

TEST_F(SpoolStoreTest, BeyondItsBoundAllIsTakenAndNothingKept) {
  EXPECT_EQ(*store_.Append(log_, 0, std::string(990, 'x'), false), 990);
  EXPECT_EQ(*store_.Append(log_, 990, std::string(110, 'y'), false), 1100) << "the agent goes on";
  EXPECT_EQ(*store_.Append(log_, 0, "", false), 1000) << "one that asks anew sends the rest again";
  EXPECT_EQ(*store_.Append(log_, 1100, "z", true), 1101);
  const auto piece = store_.Read(log_, 985, 100);
  ASSERT_TRUE(piece.ok()) << piece.status();
  EXPECT_EQ(piece->data, "xxxxxyyyyyyyyyy");
  EXPECT_TRUE(piece->complete);
  EXPECT_EQ(piece->size, 1000U);
  EXPECT_EQ(piece->written, 1101U);
}

TEST_F(SpoolStoreTest, NothingIsCompleteBeforeItIsOnTheDisk) {
  ASSERT_TRUE(store_.Append({"lrti-abc", 1, 1, Stream::kLog}, 0, "x", true).ok());
  std::filesystem::create_symlink("/dev/null", folder_ / "logs/lrti-abc/1/0.log");  // cannot sync
  EXPECT_FALSE(store_.Append(log_, 0, "", true).ok());
  EXPECT_FALSE(store_.Read(log_, 0, 10)->complete);
}

TEST_F(SpoolStoreTest, AFullDiskLosesNothingThatWasAcknowledged) {
  EXPECT_EQ(*store_.Append(log_, 0, "kept", false), 4);
  {
    const FileSizeLimit limit(6);
    const auto refused = store_.Append(log_, 4, "not kept", false);
    EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << refused.status();
  }
  EXPECT_EQ(Text(log_), "kept");
  EXPECT_EQ(*store_.Append(log_, 4, " kept now", true), 13);
}

TEST_F(SpoolStoreTest, LastLinesBeginWhereTheyAreCounted) {
  ASSERT_TRUE(store_.Append(log_, 0, "a\nbb\nccc\n", false).ok());
  EXPECT_EQ(*store_.BeginOfLastLines(log_, 1), 5);
  EXPECT_EQ(*store_.BeginOfLastLines(log_, 2), 2);
  EXPECT_EQ(*store_.BeginOfLastLines(log_, 3), 0);
  EXPECT_EQ(*store_.BeginOfLastLines(log_, 9), 0);
  ASSERT_TRUE(store_.Append(log_, 9, "unfinished", false).ok());
  EXPECT_EQ(*store_.BeginOfLastLines(log_, 1), 9);
}

TEST_F(SpoolStoreTest, KnowsWhoWrote) {
  for (const int64_t attempt : {1, 2, 10}) {
    for (const int64_t rank : {0, 1}) {
      ASSERT_TRUE(store_.Append({"lrti-abc", attempt, rank, Stream::kLog}, 0, "x", true).ok());
    }
  }
  EXPECT_THAT(store_.Attempts("lrti-abc"), ElementsAre(1, 2, 10));
  EXPECT_THAT(store_.Ranks("lrti-abc", 10), ElementsAre(0, 1));
  EXPECT_TRUE(store_.Remove("lrti-abc").ok());
  EXPECT_THAT(store_.Attempts("lrti-abc"), ElementsAre());
  EXPECT_THAT(Message(store_.Remove("../x")), HasSubstr("no job"));
}

}  // namespace
}  // namespace lrti::coordinator
