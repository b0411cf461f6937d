#include "nn/blocks/windows.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <utility>

namespace lrti::nn {
namespace {

constexpr std::array kBoth = {Arrangement::kPlain, Arrangement::kShifted};

at::Tensor Numbered(at::IntArrayRef sizes) {
  return at::arange(at::prod(at::tensor(sizes)).item<int64_t>(), at::kDouble).view(sizes) + 1;
}

TEST(Windows, HoldTheirTokensRowByRow) {
  const Windows windows(1, 4, 4, 2, at::kDouble);
  const auto split = [&](Arrangement to) {
    return windows.Split(Numbered({1, 1, 4, 4, 1}), to).flatten();
  };
  EXPECT_TRUE(at::equal(
      split(Arrangement::kPlain),
      at::tensor({1., 2., 5., 6., 3., 4., 7., 8., 9., 10., 13., 14., 11., 12., 15., 16.})));
  EXPECT_TRUE(at::equal(
      split(Arrangement::kShifted),
      at::tensor({6., 7., 10., 11., 8., 5., 12., 9., 14., 15., 2., 3., 16., 13., 4., 1.})));
}

TEST(Windows, OfSeveralFramesAndSamplesStandSideBySide) {
  const Windows windows(3, 4, 6, 2, at::kDouble);
  const at::Tensor images = Numbered({2, 3, 4, 6, 5});
  const Windows alone(1, 4, 6, 2, at::kDouble);
  for (const Arrangement to : kBoth) {
    const at::Tensor all = windows.Split(images, to);
    EXPECT_EQ(all.sizes(), at::IntArrayRef({2, 18, 4, 5}));
    const at::Tensor one = alone.Split(images.narrow(0, 1, 1).narrow(1, 2, 1), to);
    EXPECT_TRUE(at::equal(all.narrow(0, 1, 1).narrow(1, 12, 6), one));
  }
}

TEST(Windows, GoBackToTheImagesTheyCameFrom) {
  for (const auto& [height, width] : {std::pair{8, 12}, std::pair{5, 10}}) {
    const Windows windows(2, height, width, 4, at::kDouble);
    const at::Tensor images = Numbered({3, 2, height, width, 2});
    for (const Arrangement from : kBoth) {
      const at::Tensor split = windows.Split(images, from);
      EXPECT_TRUE(at::equal(windows.Joined(split, from), images));
      for (const Arrangement to : kBoth) {
        EXPECT_TRUE(at::equal(windows.Rearranged(split, from, to), windows.Split(images, to)));
      }
    }
  }
}

TEST(Windows, AreZeroOutsideTheFrame) {
  const Windows windows(2, 5, 6, 4, at::kDouble);
  const at::Tensor images = Numbered({1, 2, 5, 6, 1});
  for (const Arrangement arrangement : kBoth) {
    const at::Tensor split = windows.Split(images, arrangement);
    EXPECT_TRUE(at::equal(windows.ZeroedOutside(split + 7, arrangement).ne(0), split.ne(0)));
  }
}

TEST(Windows, HandGradientsBackWhereTokensCameFrom) {
  const Windows windows(2, 5, 6, 4, at::kDouble);
  const at::Tensor images = Numbered({2, 2, 5, 6, 3}).requires_grad_();
  at::Tensor tokens = windows.Split(images, Arrangement::kShifted);
  tokens = windows.Rearranged(tokens, Arrangement::kShifted, Arrangement::kPlain);
  const at::Tensor weight = Numbered({2, 2, 5, 6, 3});
  (windows.Joined(tokens, Arrangement::kPlain) * weight).sum().backward();
  EXPECT_TRUE(at::equal(images.grad(), weight));
}

// By the definition: after the shift, tokens see each other where neither side has wrapped around.
TEST(Windows, MaskTokensThatOnlyWrappingBringsTogether) {
  const Windows windows(2, 8, 12, 4, at::kDouble);
  EXPECT_FALSE(windows.Mask(Arrangement::kPlain).defined());
  const at::Tensor mask = windows.Mask(Arrangement::kShifted);
  EXPECT_EQ(mask.sizes(), at::IntArrayRef({2 * 6, 16, 16}));
  const auto wrapped = [](int64_t window, int64_t token) {
    const int64_t row = window / 3 * 4 + token / 4 + 2;
    const int64_t column = window % 3 * 4 + token % 4 + 2;
    return std::pair{row >= 8, column >= 12};
  };
  for (int64_t window = 0; window < 12; ++window) {
    for (int64_t a = 0; a < 16; ++a) {
      for (int64_t b = 0; b < 16; ++b) {
        const bool apart = wrapped(window % 6, a) != wrapped(window % 6, b);
        ASSERT_EQ(mask[window][a][b].item<double>(), apart ? -100 : 0);
      }
    }
  }
}

TEST(Windows, GiveEachWindowTheNumberOfItsSample) {
  const Windows windows(2, 8, 4, 4, at::kDouble);
  const at::Tensor numbers = windows.OfSamples(at::tensor({3., 5.}));
  EXPECT_TRUE(at::equal(numbers, at::tensor({3., 3., 5., 5.}).view({4, 1, 1})));
}

TEST(Windows, RefuseImagesOfAnotherSize) {
  const Windows windows(2, 8, 4, 4, at::kDouble);
  EXPECT_THROW(windows.Split(Numbered({1, 2, 4, 8, 3}), Arrangement::kPlain), c10::Error);
  EXPECT_THROW(windows.Split(Numbered({1, 1, 8, 4, 3}), Arrangement::kPlain), c10::Error);
}

}  // namespace
}  // namespace lrti::nn
