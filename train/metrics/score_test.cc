#include "train/metrics/score.h"

#include <array>
#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "train/metrics/plane.h"
#include "train/metrics/psnr.h"
#include "train/metrics/ssim.h"

namespace lrti::train {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A repeatable picture without structure.
data::Image Noise(int64_t height, int64_t width, uint32_t seed) {
  data::Image image{height, width, {}};
  for (int64_t i = 0; i < height * width * 3; ++i) {
    seed = seed * 1664525U + 1013904223U;
    image.pixels.push_back(static_cast<uint8_t>(seed >> 24));
  }
  return image;
}

data::Image Uniform(int64_t height, int64_t width, std::array<uint8_t, 3> colour) {
  data::Image image{height, width, {}};
  for (int64_t i = 0; i < height * width; ++i) {
    image.pixels.insert(image.pixels.end(), colour.begin(), colour.end());
  }
  return image;
}

/// A softened copy: each level is drawn towards the middle.
data::Image Faded(data::Image image) {
  for (uint8_t& level : image.pixels) level = static_cast<uint8_t>(64 + level / 2);
  return image;
}

/// SSIM by its definition: a window of 121 weights at each place.
double DirectSsim(const Plane& a, const Plane& b) {
  double weights[11][11];
  double total = 0;
  for (int i = 0; i < 11; ++i) {
    for (int j = 0; j < 11; ++j) {
      weights[i][j] = std::exp(-((i - 5) * (i - 5) + (j - 5) * (j - 5)) / 4.5);
      total += weights[i][j];
    }
  }
  const double c1 = 6.5025, c2 = 58.5225;
  double sum = 0;
  int64_t places = 0;
  for (int64_t y = 0; y + 11 <= a.height; ++y) {
    for (int64_t x = 0; x + 11 <= a.width; ++x, ++places) {
      double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
      for (int64_t i = 0; i < 11; ++i) {
        for (int64_t j = 0; j < 11; ++j) {
          const double w = weights[i][j] / total;
          const auto place = static_cast<size_t>((y + i) * a.width + x + j);
          const double va = a.values[place], vb = b.values[place];
          ma += w * va;
          mb += w * vb;
          aa += w * va * va;
          bb += w * vb * vb;
          ab += w * va * vb;
        }
      }
      sum += (2 * ma * mb + c1) * (2 * (ab - ma * mb) + c2) /
             ((ma * ma + mb * mb + c1) * (aa - ma * ma + bb - mb * mb + c2));
    }
  }
  return sum / static_cast<double>(places);
}

TEST(Compare, EqualPicturesAreInfinitelyNear) {
  const data::Image image = Noise(16, 20, 1);
  for (const job::Channel channel : {job::Channel::kRgb, job::Channel::kY}) {
    const Score score = Compare(image, image, channel, 0);
    EXPECT_EQ(score.psnr, kInfinity);
    EXPECT_NEAR(score.ssim, 1, 1e-12);
  }
}

TEST(Compare, OneLevelOfOffsetIsFortyEightDecibel) {
  const data::Image dark = Uniform(16, 16, {100, 50, 7});
  const data::Image light = Uniform(16, 16, {101, 51, 8});
  EXPECT_NEAR(Compare(dark, light, job::Channel::kRgb, 0).psnr, 48.1308, 5e-5);
  EXPECT_NEAR(Compare(light, dark, job::Channel::kRgb, 0).psnr, 48.1308, 5e-5);
}

TEST(Compare, NegativeDifferencesDoNotWrap) {
  const data::Image black = Uniform(11, 11, {0, 0, 0});
  const data::Image white = Uniform(11, 11, {255, 255, 255});
  EXPECT_NEAR(Compare(black, white, job::Channel::kRgb, 0).psnr, 0, 1e-12);
  EXPECT_NEAR(Compare(white, black, job::Channel::kRgb, 0).psnr, 0, 1e-12);
}

TEST(Compare, PsnrIsOfTheErrorOverAllChannels) {
  const data::Image one = Uniform(11, 11, {10, 10, 10});
  const data::Image other = Uniform(11, 11, {13, 10, 10});
  EXPECT_NEAR(Compare(one, other, job::Channel::kRgb, 0).psnr, 10 * std::log10(255.0 * 255.0 / 3.0),
              1e-9);
}

TEST(Compare, UniformPicturesHaveTheSsimOfTheirMeans) {
  const data::Image one = Uniform(12, 12, {100, 100, 100});
  const data::Image other = Uniform(12, 12, {110, 110, 110});
  const double expected = (2 * 100.0 * 110.0 + 6.5025) / (100.0 * 100.0 + 110.0 * 110.0 + 6.5025);
  EXPECT_NEAR(Compare(one, other, job::Channel::kRgb, 0).ssim, expected, 1e-9);
}

TEST(Compare, BorderIsLeftOut) {
  data::Image image = Noise(20, 24, 3);
  data::Image spoilt = image;
  for (int64_t x = 0; x < 24; ++x) spoilt.pixels[static_cast<size_t>((1 * 24 + x) * 3)] ^= 0x80;
  EXPECT_LT(Compare(image, spoilt, job::Channel::kRgb, 1).psnr, 40);
  EXPECT_EQ(Compare(image, spoilt, job::Channel::kRgb, 2).psnr, kInfinity);
}

TEST(Ssim, EqualsItsDefinition) {
  const std::array<std::pair<int64_t, int64_t>, 3> sizes = {{{11, 11}, {13, 30}, {24, 17}}};
  for (const auto& [height, width] : sizes) {
    for (const job::Channel channel : {job::Channel::kRgb, job::Channel::kY}) {
      const data::Image image = Noise(height, width, 5);
      const std::vector<Plane> a = PlanesOf(image, channel, 0);
      const std::vector<Plane> b = PlanesOf(Faded(image), channel, 0);
      double expected = 0;
      for (size_t p = 0; p < a.size(); ++p) expected += DirectSsim(a[p], b[p]);
      EXPECT_NEAR(Ssim(a, b), expected / static_cast<double>(a.size()), 1e-10)
          << height << "x" << width;
    }
  }
}

TEST(PlanesOf, LumaIsNotRounded) {
  const Plane white = PlanesOf(Uniform(1, 1, {255, 255, 255}), job::Channel::kY, 0)[0];
  const Plane black = PlanesOf(Uniform(1, 1, {0, 0, 0}), job::Channel::kY, 0)[0];
  const Plane some = PlanesOf(Uniform(1, 1, {10, 200, 30}), job::Channel::kY, 0)[0];
  EXPECT_NEAR(white.values[0], 235, 1e-4);
  EXPECT_NEAR(black.values[0], 16, 1e-5);
  EXPECT_NEAR(some.values[0], (65.481 * 10 + 128.553 * 200 + 24.966 * 30) / 255 + 16, 1e-4);
}

TEST(ClipMean, IsOverFramesThenOverClips) {
  const Score mean = ClipMean({{{20, 0.5}, {30, 0.7}}, {{40, 0.8}}});
  EXPECT_DOUBLE_EQ(mean.psnr, 32.5);
  EXPECT_DOUBLE_EQ(mean.ssim, 0.7);
}

TEST(ClipMean, InfinityCountsAsAHundredDecibel) {
  EXPECT_DOUBLE_EQ(ClipMean({{{kInfinity, 1}, {30, 0.9}}}).psnr, 65);
  EXPECT_DOUBLE_EQ(ClipMean({{{kInfinity, 1}}}).psnr, 100);
}

TEST(ClipMean, PassesOverEmptyClips) {
  EXPECT_DOUBLE_EQ(ClipMean({{}, {{30, 0.9}}}).psnr, 30);
  EXPECT_DOUBLE_EQ(ClipMean({}).psnr, 0);
}

}  // namespace
}  // namespace lrti::train
