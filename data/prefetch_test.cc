#include "data/prefetch.h"

#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <vector>

#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::data {
namespace {

using ::testing::ElementsAre;

std::vector<int64_t> FirstTwenty(int64_t threads, int64_t ahead) {
  Prefetcher<int64_t> items(3, ahead, threads,
                            [](int64_t i) -> absl::StatusOr<int64_t> { return i * i; });
  std::vector<int64_t> taken;
  for (int i = 0; i < 20; ++i) taken.push_back(*items.Next());
  return taken;
}

TEST(Prefetcher, GivesTheSameOrderForAnyNumberOfThreads) {
  const std::vector<int64_t> alone = FirstTwenty(1, 1);
  EXPECT_THAT(std::vector<int64_t>(alone.begin(), alone.begin() + 3), ElementsAre(9, 16, 25));
  EXPECT_EQ(FirstTwenty(1, 7), alone);
  EXPECT_EQ(FirstTwenty(4, 1), alone);
  EXPECT_EQ(FirstTwenty(4, 7), alone);
}

TEST(Prefetcher, WaitsForTheSlowFirstItem) {
  std::promise<void> second_made;
  std::shared_future<void> wait = second_made.get_future().share();
  Prefetcher<int64_t> items(0, 2, 2, [&](int64_t i) -> absl::StatusOr<int64_t> {
    if (i == 0) wait.wait();
    if (i == 1) second_made.set_value();
    return i;
  });
  EXPECT_EQ(*items.Next(), 0);
  EXPECT_EQ(*items.Next(), 1);
}

TEST(Prefetcher, StaysWithinItsBound) {
  std::atomic<int64_t> greatest = -1;
  std::promise<void> third_made;
  Prefetcher<int64_t> items(0, 3, 2, [&](int64_t i) -> absl::StatusOr<int64_t> {
    int64_t before = greatest;
    while (before < i && !greatest.compare_exchange_weak(before, i)) {
    }
    if (i == 2) third_made.set_value();
    return i;
  });
  third_made.get_future().wait();
  EXPECT_EQ(greatest, 2) << "items 0, 1, 2 are three ahead";
  for (int64_t i = 0; i < 50; ++i) {
    ASSERT_EQ(*items.Next(), i);
    ASSERT_LE(greatest, i + 3);
  }
}

TEST(Prefetcher, RepeatsAnErrorInItsPlace) {
  std::atomic<int64_t> greatest = 0;
  Prefetcher<int64_t> items(0, 4, 3, [&](int64_t i) -> absl::StatusOr<int64_t> {
    greatest = std::max<int64_t>(greatest, i);
    if (i >= 2) return DataLoss("item {} is damaged", i);
    return i;
  });
  EXPECT_EQ(*items.Next(), 0);
  EXPECT_EQ(*items.Next(), 1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Message(items.Next().status()), "item 2 is damaged");
  }
  EXPECT_LE(greatest, 5);
}

TEST(Prefetcher, HandsOutWhatCannotBeCopied) {
  Prefetcher<std::unique_ptr<int64_t>> items(
      0, 2, 2, [](int64_t i) -> absl::StatusOr<std::unique_ptr<int64_t>> {
        return std::make_unique<int64_t>(i);
      });
  EXPECT_EQ(**items.Next(), 0);
  EXPECT_EQ(**items.Next(), 1);
}

TEST(Prefetcher, StopsWithItemsLeft) {
  std::atomic<int64_t> made = 0;
  {
    Prefetcher<int64_t> items(0, 5, 4, [&](int64_t i) -> absl::StatusOr<int64_t> {
      ++made;
      return i;
    });
    EXPECT_EQ(*items.Next(), 0);
  }
  EXPECT_GE(made, 1);
  EXPECT_LE(made, 6);
}

}  // namespace
}  // namespace lrti::data
