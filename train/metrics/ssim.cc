#include "train/metrics/ssim.h"

#include <array>
#include <cmath>

#include "common/base/check.h"

namespace lrti::train {
namespace {

constexpr double kC1 = 0.01 * 255 * 0.01 * 255;
constexpr double kC2 = 0.03 * 255 * 0.03 * 255;
constexpr size_t kTaps = kSsimWindow;
constexpr size_t kMiddle = kTaps / 2;
constexpr size_t kBlock = 8;  // a fixed length lets the compiler use vectors
constexpr size_t kMaps = 4;   // a, b, a^2 + b^2, a b: all that the formula needs

using Kernel = std::array<double, kTaps>;
using Block = std::array<double, kBlock>;

Kernel Gaussian() {
  Kernel kernel{};
  double sum = 0;
  for (size_t i = 0; i < kTaps; ++i) {
    const double distance = static_cast<double>(i) - static_cast<double>(kMiddle);
    kernel[i] = std::exp(-distance * distance / (2 * 1.5 * 1.5));
    sum += kernel[i];
  }
  for (double& weight : kernel) weight /= sum;
  return kernel;
}

/// Kernel sum over kTaps rows (or shifted rows) for one block; the kernel is symmetric.
template <typename RowAt>
Block Filter(const Kernel& kernel, RowAt row_at) {
  Block sum;
  const double* middle = row_at(kMiddle);
  for (size_t i = 0; i < kBlock; ++i) sum[i] = kernel[kMiddle] * middle[i];
  for (size_t t = 0; t < kMiddle; ++t) {
    const double* near = row_at(t);
    const double* far = row_at(kTaps - 1 - t);
    for (size_t i = 0; i < kBlock; ++i) sum[i] += kernel[t] * (near[i] + far[i]);
  }
  return sum;
}

/// Slides the window down two planes; only kTaps rows of products are kept.
class SlidingSsim {
 public:
  SlidingSsim(const Plane& a, const Plane& b)
      : a_(a),
        b_(b),
        width_(static_cast<size_t>(a.width)),
        stride_((width_ + kTaps + 2 * kBlock) / kBlock * kBlock),
        columns_(kMaps * stride_) {
    for (std::vector<double>& row : rows_) row.resize(kMaps * stride_);
  }

  double Mean() {
    double sum = 0;
    for (int64_t y = 0; y < a_.height; ++y) {
      AddRow(y);
      if (y + 1 < kSsimWindow) continue;
      FilterDown(static_cast<size_t>(y) + 1 - kTaps);
      sum += SumAlong();
    }
    return sum / (static_cast<double>(a_.height - kSsimWindow + 1) *
                  static_cast<double>(a_.width - kSsimWindow + 1));
  }

 private:
  void AddRow(int64_t y) {
    const float* a = &a_.values[static_cast<size_t>(y) * width_];
    const float* b = &b_.values[static_cast<size_t>(y) * width_];
    double* row = rows_[static_cast<size_t>(y) % kTaps].data();
    for (size_t x = 0; x < width_; ++x) {
      const double va = static_cast<double>(a[x]);
      const double vb = static_cast<double>(b[x]);
      row[x] = va;
      row[stride_ + x] = vb;
      row[2 * stride_ + x] = va * va + vb * vb;
      row[3 * stride_ + x] = va * vb;
    }
  }

  /// All maps of the rows top..top+10 into columns_.
  void FilterDown(size_t top) {
    std::array<const double*, kTaps> rows{};
    for (size_t t = 0; t < kTaps; ++t) rows[t] = rows_[(top + t) % kTaps].data();
    for (size_t x = 0; x < columns_.size(); x += kBlock) {
      const Block sum = Filter(kernel_, [&](size_t t) { return rows[t] + x; });
      for (size_t i = 0; i < kBlock; ++i) columns_[x + i] = sum[i];
    }
  }

  /// The sum of SSIM along one row of window places.
  double SumAlong() const {
    const size_t places = width_ + 1 - kTaps;
    double sum = 0;
    for (size_t x = 0; x < places; x += kBlock) {
      std::array<Block, kMaps> maps;
      for (size_t m = 0; m < kMaps; ++m) {
        const double* map = &columns_[m * stride_ + x];
        maps[m] = Filter(kernel_, [&](size_t t) { return map + t; });
      }
      Block ssim;
      for (size_t i = 0; i < kBlock; ++i) {
        const double product = maps[0][i] * maps[1][i];
        const double squares = maps[0][i] * maps[0][i] + maps[1][i] * maps[1][i];
        ssim[i] = (2 * product + kC1) * (2 * (maps[3][i] - product) + kC2) /
                  ((squares + kC1) * (maps[2][i] - squares + kC2));
      }
      for (size_t i = 0; i < kBlock && x + i < places; ++i) sum += ssim[i];
    }
    return sum;
  }

  const Plane& a_;
  const Plane& b_;
  const Kernel kernel_ = Gaussian();
  const size_t width_;
  const size_t stride_;  // room to filter whole blocks beyond the last place
  std::array<std::vector<double>, kTaps> rows_;
  std::vector<double> columns_;
};

}  // namespace

double Ssim(const std::vector<Plane>& output, const std::vector<Plane>& target) {
  LRTI_CHECK(output.size() == target.size() && !output.empty());
  double sum = 0;
  for (size_t p = 0; p < output.size(); ++p) {
    const Plane& a = output[p];
    const Plane& b = target[p];
    LRTI_CHECK(a.height == b.height && a.width == b.width);
    LRTI_CHECK(a.height >= kSsimWindow && a.width >= kSsimWindow);
    sum += SlidingSsim(a, b).Mean();
  }
  return sum / static_cast<double>(output.size());
}

}  // namespace lrti::train
