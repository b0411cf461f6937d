#include "data/resize.h"

#include <algorithm>

#include "common/base/check.h"
#include "data/bicubic_taps.h"

namespace lrti::data {
namespace {

constexpr size_t kBlock = 16;  // a fixed length lets the compiler use vectors

size_t RoundUp(size_t count) { return (count + kBlock - 1) / kBlock * kBlock; }

/// Output row `y`, before the pass along the rows: a weighted sum of whole input rows.
/// `rows` are padded to whole blocks, and so is `sum`. Float holds each sum exactly: below 2^24 in
/// units of 2^-12.
void SumRows(const BicubicTaps& taps, int64_t y, const std::vector<float>& rows, size_t stride,
             std::vector<float>& sum) {
  const auto* inputs = &taps.inputs[static_cast<size_t>(y * taps.taps)];
  const auto* weights = &taps.weights[static_cast<size_t>(y * taps.taps)];
  for (size_t x = 0; x < stride; x += kBlock) {
    float block[kBlock] = {};
    for (int64_t t = 0; t < taps.taps; ++t) {
      const float* row = &rows[static_cast<size_t>(inputs[t]) * stride + x];
      const auto weight = static_cast<float>(weights[t]);
      for (size_t i = 0; i < kBlock; ++i) block[i] += weight * row[i];
    }
    std::copy_n(block, kBlock, &sum[x]);
  }
}

/// floor(value + 1/2), clipped: the conversion of what is not negative rounds down by itself.
uint8_t Round(double value) { return static_cast<uint8_t>(std::clamp(value + 0.5, 0.0, 255.0)); }

/// One output row out of the sums, channel by channel.
void SumColumns(const BicubicTaps& taps, const std::vector<float>& sums, uint8_t* out) {
  for (int64_t x = 0; x < taps.outputs; ++x) {
    const auto* inputs = &taps.inputs[static_cast<size_t>(x * taps.taps)];
    const auto* weights = &taps.weights[static_cast<size_t>(x * taps.taps)];
    double red = 0;
    double green = 0;
    double blue = 0;
    for (int64_t t = 0; t < taps.taps; ++t) {
      const float* pixel = &sums[static_cast<size_t>(inputs[t] * 3)];
      red += weights[t] * static_cast<double>(pixel[0]);
      green += weights[t] * static_cast<double>(pixel[1]);
      blue += weights[t] * static_cast<double>(pixel[2]);
    }
    *out++ = Round(red);
    *out++ = Round(green);
    *out++ = Round(blue);
  }
}

Image Resize(const Image& image, double scale) {
  const BicubicTaps vertical = MakeBicubicTaps(image.height, scale);
  const BicubicTaps horizontal = MakeBicubicTaps(image.width, scale);
  const auto row = static_cast<size_t>(image.width * 3);
  const size_t stride = RoundUp(row);
  std::vector<float> rows(static_cast<size_t>(image.height) * stride);
  for (size_t y = 0; y < static_cast<size_t>(image.height); ++y) {
    std::copy_n(&image.pixels[y * row], row, &rows[y * stride]);
  }
  std::vector<float> sums(stride);
  Image resized{vertical.outputs, horizontal.outputs, {}};
  resized.pixels.resize(static_cast<size_t>(resized.height * resized.width * 3));
  for (int64_t y = 0; y < resized.height; ++y) {
    SumRows(vertical, y, rows, stride, sums);
    SumColumns(horizontal, sums, &resized.pixels[static_cast<size_t>(y * resized.width * 3)]);
  }
  return resized;
}

}  // namespace

Image BicubicDown4(const Image& image) { return Resize(image, 0.25); }

Image BicubicUp4(const Image& image) { return Resize(image, 4); }

std::vector<double> BicubicPlane(const std::vector<double>& plane, int64_t rows, int64_t columns,
                                 double scale) {
  LRTI_CHECK(plane.size() == static_cast<size_t>(rows * columns));
  const BicubicTaps vertical = MakeBicubicTaps(rows, scale);
  const BicubicTaps horizontal = MakeBicubicTaps(columns, scale);
  std::vector<double> sums(static_cast<size_t>(columns));
  std::vector<double> result;
  for (int64_t y = 0; y < vertical.outputs; ++y) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (int64_t t = 0; t < vertical.taps; ++t) {
      const auto place = static_cast<size_t>(y * vertical.taps + t);
      const auto from = plane.begin() + vertical.inputs[place] * columns;
      for (int64_t x = 0; x < columns; ++x) {
        sums[static_cast<size_t>(x)] += vertical.weights[place] * from[x];
      }
    }
    for (int64_t x = 0; x < horizontal.outputs; ++x) {
      double value = 0;
      for (int64_t t = 0; t < horizontal.taps; ++t) {
        const auto place = static_cast<size_t>(x * horizontal.taps + t);
        value += horizontal.weights[place] * sums[static_cast<size_t>(horizontal.inputs[place])];
      }
      result.push_back(value);
    }
  }
  return result;
}

}  // namespace lrti::data
