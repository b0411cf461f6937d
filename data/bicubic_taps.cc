#include "data/bicubic_taps.h"

#include <algorithm>
#include <cmath>

#include "common/base/check.h"

namespace lrti::data {
namespace {

double Keys(double x) {
  const double d = std::abs(x);
  if (d <= 1) return 1.5 * d * d * d - 2.5 * d * d + 1;
  if (d <= 2) return -0.5 * d * d * d + 2.5 * d * d - 4 * d + 2;
  return 0;
}

/// Mirrors with the edge pixel, as often as needed: ... 1 0 | 0 1 ... n-1 | n-1 n-2 ...
int64_t Mirror(int64_t place, int64_t count) {
  const int64_t period = 2 * count;
  const int64_t inside = ((place % period) + period) % period;
  return inside < count ? inside : period - 1 - inside;
}

}  // namespace

BicubicTaps MakeBicubicTaps(int64_t inputs, double scale) {
  LRTI_CHECK(scale == 0.25 || scale == 4);
  LRTI_CHECK(inputs >= 1);
  const double stretch = std::min(scale, 1.0);
  const auto taps = static_cast<int64_t>(4 / stretch);  // none falls on the kernel's zeros
  BicubicTaps result{
      .outputs = static_cast<int64_t>(std::ceil(static_cast<double>(inputs) * scale)),
      .taps = taps};
  for (int64_t i = 0; i < result.outputs; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) / scale - 0.5;
    const auto first = static_cast<int64_t>(std::ceil(centre - 2 / stretch));
    double sum = 0;
    for (int64_t t = 0; t < taps; ++t) {
      const double weight = stretch * Keys(stretch * (centre - static_cast<double>(first + t)));
      result.inputs.push_back(Mirror(first + t, inputs));
      result.weights.push_back(weight);
      sum += weight;
    }
    for (auto weight = result.weights.end() - taps; weight != result.weights.end(); ++weight) {
      *weight /= sum;
    }
  }
  return result;
}

}  // namespace lrti::data
