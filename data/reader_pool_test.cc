#include "data/reader_pool.h"

#include "common/base/test_files.h"
#include "data/test_video.h"
#include "gtest/gtest.h"

namespace lrti::data {
namespace {

class ReaderPoolTest : public ::testing::Test {
 protected:
  ReaderPoolTest() {
    WriteVideo(folder_ / "a.mkv", {}, 10, 8, 8);
    a_ = *ScanVideo(folder_ / "a.mkv");
    b_ = *ScanVideo(folder_ / "a.mkv");
  }

  /// A reader that has just read the frame before `next`.
  static Reader At(ReaderPool& pool, const VideoSource& source, int64_t next) {
    Reader reader{.source = &source, .video = *source.Open(), .next_frame = 0};
    EXPECT_TRUE(reader.Read(next - 1).ok());
    EXPECT_LE(pool.idle(), 2U);
    return reader;
  }

  const TemporaryFolder folder_;
  std::shared_ptr<const VideoSource> a_, b_;
};

TEST_F(ReaderPoolTest, GivesTheNearestReaderBeforeTheFrame) {
  ReaderPool pool(8);
  for (const int64_t next : {2, 5, 8}) pool.Return(At(pool, *a_, next));
  EXPECT_EQ(pool.Take(*a_, 6)->next_frame, 5);
  EXPECT_EQ(pool.Take(*a_, 8)->next_frame, 8);
  EXPECT_EQ(pool.Take(*a_, 1)->next_frame, 2) << "one that must go back is better than none";
  EXPECT_EQ(pool.idle(), 0U);
}

TEST_F(ReaderPoolTest, OpensAReaderForAnotherVideo) {
  ReaderPool pool(8);
  pool.Return(At(pool, *a_, 5));
  const auto reader = pool.Take(*b_, 5);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->source, b_.get());
  EXPECT_EQ(reader->next_frame, 0);
}

TEST_F(ReaderPoolTest, ClosesTheLongestUnusedBeyondItsBound) {
  ReaderPool pool(2);
  for (const int64_t next : {2, 5, 8}) pool.Return(At(pool, *a_, next));
  EXPECT_EQ(pool.idle(), 2U);
  EXPECT_EQ(pool.Take(*a_, 3)->next_frame, 8) << "the first one is gone";
}

}  // namespace
}  // namespace lrti::data
