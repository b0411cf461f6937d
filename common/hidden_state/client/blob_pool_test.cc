#include "common/hidden_state/client/blob_pool.h"

#include "gtest/gtest.h"

namespace lrti::hidden_state::client {
namespace {

TEST(BlobPool, GivesTheSameMemoryAgain) {
  BlobPool pool(1000);
  std::shared_ptr<Blob> blob = pool.Take(400);
  ASSERT_EQ(blob->bytes.size(), 400u);
  const std::byte* memory = blob->bytes.data();
  blob->shape = {100};
  blob.reset();
  EXPECT_EQ(pool.kept_bytes(), 400u);
  EXPECT_NE(pool.Take(300), nullptr);  // of another size
  blob = pool.Take(400);
  EXPECT_EQ(blob->bytes.data(), memory);
  EXPECT_TRUE(blob->shape.empty());
}

TEST(BlobPool, KeepsNoMoreThanItsBound) {
  BlobPool pool(1000);
  std::vector<std::shared_ptr<Blob>> blobs;
  for (int i = 0; i < 5; ++i) blobs.push_back(pool.Take(400));
  blobs.push_back(pool.Take(1001));
  blobs.push_back(pool.Take(0));
  EXPECT_EQ(pool.kept_bytes(), 0u);
  blobs.clear();
  EXPECT_EQ(pool.kept_bytes(), 800u);
}

TEST(BlobPool, ABlobMayOutliveIt) {
  std::shared_ptr<Blob> blob;
  {
    BlobPool pool(1000);
    blob = pool.Take(10);
  }
  blob->bytes.at(9) = std::byte{1};
  EXPECT_EQ(blob->bytes.size(), 10u);
}

}  // namespace
}  // namespace lrti::hidden_state::client
