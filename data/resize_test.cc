#include "data/resize.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "data/bicubic_taps.h"
#include "gtest/gtest.h"

namespace lrti::data {
namespace {

Image Noise(int64_t height, int64_t width) {
  Image image{height, width, {}};
  uint32_t seed = 9;
  for (int64_t i = 0; i < height * width * 3; ++i) {
    seed = seed * 1664525U + 1013904223U;
    // Black and white beside each other: the greatest overshoot, and ties when rounding.
    const uint32_t kind = seed >> 30;
    const uint32_t level = kind == 0 ? 0 : kind == 1 ? 255 : seed >> 24;
    image.pixels.push_back(static_cast<uint8_t>(level));
  }
  return image;
}

/// Each plane by the plain rule in doubles, then rounded once.
void ExpectEqualsTheRule(const Image& image, const Image& resized, double scale) {
  for (int64_t c = 0; c < 3; ++c) {
    std::vector<double> plane;
    for (size_t i = static_cast<size_t>(c); i < image.pixels.size(); i += 3) {
      plane.push_back(image.pixels[i]);
    }
    const auto exact = BicubicPlane(plane, image.height, image.width, scale);
    ASSERT_EQ(exact.size(), static_cast<size_t>(resized.height * resized.width));
    for (size_t i = 0; i < exact.size(); ++i) {
      const double rounded = std::clamp(std::floor(exact[i] + 0.5), 0.0, 255.0);
      ASSERT_EQ(resized.pixels[3 * i + static_cast<size_t>(c)], rounded) << i << " " << c;
    }
  }
}

TEST(BicubicPlane, EqualsMatlabOnTheGoldenImage) {
  std::vector<double> plane;
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < 12; ++j) plane.push_back(7 * i + 13 * j);
  }
  const auto small = BicubicPlane(plane, 16, 12, 0.25);
  ASSERT_EQ(small.size(), 12U);
  const std::array first = {27.1973, 81.0190, 134.8408};
  const std::array last = {113.1592, 166.9810, 220.8027};
  for (size_t j = 0; j < 3; ++j) {
    EXPECT_NEAR(small[j], first[j], 5e-5);
    EXPECT_NEAR(small[9 + j], last[j], 5e-5);
  }
}

TEST(BicubicTaps, HaveTheKnownWeights) {
  const std::array down = {-.001709, -.010986, -.018311, -.011963,
                           .022705,  .097412,  .181885,  .240967};
  const BicubicTaps quarter = MakeBicubicTaps(64, 0.25);
  ASSERT_EQ(quarter.taps, 16);
  for (size_t t = 0; t < 8; ++t) {
    EXPECT_NEAR(quarter.weights[5 * 16 + t], down[t], 5e-7);
    EXPECT_EQ(quarter.weights[5 * 16 + t], quarter.weights[5 * 16 + 15 - t]);
  }
  const std::array<std::array<double, 4>, 2> up = {
      {{-.043945, .389648, .727539, -.073242}, {-.006836, .090820, .963867, -.047852}}};
  const BicubicTaps four = MakeBicubicTaps(16, 4);
  ASSERT_EQ(four.taps, 4);
  for (size_t phase = 0; phase < 2; ++phase) {
    for (size_t t = 0; t < 4; ++t) {
      EXPECT_NEAR(four.weights[(16 + phase) * 4 + t], up[phase][t], 5e-7) << phase << " " << t;
    }
  }
}

TEST(BicubicTaps, AreExactBinaryFractionsOfSumOne) {
  for (const double scale : {0.25, 4.0}) {
    const BicubicTaps taps = MakeBicubicTaps(23, scale);
    for (int64_t i = 0; i < taps.outputs; ++i) {
      double sum = 0;
      for (int64_t t = 0; t < taps.taps; ++t) {
        const double units = taps.weights[static_cast<size_t>(i * taps.taps + t)] * 4096;
        EXPECT_EQ(units, std::round(units));
        sum += units;
      }
      EXPECT_EQ(sum, 4096);
    }
  }
}

TEST(BicubicDown4, EqualsTheRuleForEverySize) {
  const std::array<std::pair<int64_t, int64_t>, 6> sizes = {
      {{1, 1}, {4, 4}, {3, 7}, {16, 12}, {37, 50}, {64, 100}}};
  for (const auto& [height, width] : sizes) {
    SCOPED_TRACE(height);
    const Image image = Noise(height, width);
    const Image small = BicubicDown4(image);
    EXPECT_EQ(small.height, (height + 3) / 4);
    EXPECT_EQ(small.width, (width + 3) / 4);
    ExpectEqualsTheRule(image, small, 0.25);
  }
}

TEST(BicubicUp4, EqualsTheRuleForEverySize) {
  const std::array<std::pair<int64_t, int64_t>, 4> sizes = {{{1, 1}, {3, 2}, {9, 13}, {20, 31}}};
  for (const auto& [height, width] : sizes) {
    SCOPED_TRACE(height);
    const Image image = Noise(height, width);
    const Image large = BicubicUp4(image);
    EXPECT_EQ(large.height, 4 * height);
    EXPECT_EQ(large.width, 4 * width);
    ExpectEqualsTheRule(image, large, 4);
  }
}

TEST(BicubicDown4, KeepsUniformPictures) {
  const Image white{20, 24, std::vector<uint8_t>(20 * 24 * 3, 255)};
  EXPECT_EQ(BicubicDown4(white).pixels, std::vector<uint8_t>(5 * 6 * 3, 255));
  EXPECT_EQ(BicubicUp4(white).pixels, std::vector<uint8_t>(80 * 96 * 3, 255));
}

TEST(BicubicPlane, KeepsASlopeInside) {
  std::vector<double> plane;
  for (int i = 0; i < 64 * 8; ++i) plane.push_back(i % 64);
  const auto small = BicubicPlane(plane, 8, 64, 0.25);
  for (size_t x = 2; x < 14; ++x) EXPECT_NEAR(small[x], 4 * static_cast<double>(x) + 1.5, 1e-12);
}

}  // namespace
}  // namespace lrti::data
