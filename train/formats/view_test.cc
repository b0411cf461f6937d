#include "train/formats/view.h"

#include <array>

#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::formats {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMax = INT64_MAX;

Storage Of(int64_t numel) { return {.key = "0", .numel = numel}; }

TEST(CheckView, TakesWhatLiesInside) {
  for (const TensorRef& view : {
           TensorRef{0, 0, {}, {}},
           TensorRef{0, 5, {}, {}},
           TensorRef{0, 0, {2, 3}, {3, 1}},
           TensorRef{0, 0, {3, 2}, {1, 3}},
           TensorRef{0, 1, {2, 2}, {3, 1}},
           TensorRef{0, 6, {0, 9}, {9, 1}},
           TensorRef{0, 0, {0, kMax}, {kMax, 1}},
           TensorRef{0, 0, {1, 1, 6}, {kMax, 6, 1}},
       }) {
    EXPECT_TRUE(CheckView(view, Of(6)).ok()) << CheckView(view, Of(6));
  }
}

TEST(CheckView, RefusesWhatDoesNot) {
  struct Case {
    TensorRef view;
    std::string message;
  };
  const std::array cases = {
      Case{{0, 6, {}, {}},
           "a tensor of shape [], strides [] at element 6 of storage '0' with 6 "
           "lies outside"},
      Case{{0, 7, {0}, {1}}, "lies outside"},
      Case{{0, 1, {2, 3}, {3, 1}}, "lies outside"},
      Case{{0, 0, {2, 2}, {5, 2}}, "lies outside"},
      Case{{0, -1, {2}, {1}}, "is not possible"},
      Case{{0, 0, {-2}, {1}}, "is not possible"},
      Case{{0, 0, {2}, {-1}}, "is not possible"},
      Case{{0, 0, {2, 3}, {1}}, "is not possible"},
      Case{{0, 0, {kMax, 2}, {0, 0}}, "larger than any memory"},
      Case{{0, 0, {3}, {kMax}}, "larger than any memory"},
      Case{{0, kMax, {2}, {1}}, "larger than any memory"},
      Case{{0, 0, {7}, {0}}, "repeats elements"},
  };
  for (const auto& [view, message] : cases) {
    const absl::Status status = CheckView(view, Of(6));
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Message(status), HasSubstr(message));
  }
}

}  // namespace
}  // namespace lrti::formats
