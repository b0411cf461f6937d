#include "train/metrics/psnr.h"

#include <cmath>
#include <limits>

#include "common/base/check.h"

namespace lrti::train {

double Psnr(const std::vector<Plane>& output, const std::vector<Plane>& target) {
  LRTI_CHECK(output.size() == target.size() && !output.empty());
  double sum = 0;
  size_t count = 0;
  for (size_t p = 0; p < output.size(); ++p) {
    const std::vector<float>& a = output[p].values;
    const std::vector<float>& b = target[p].values;
    LRTI_CHECK(output[p].width == target[p].width && a.size() == b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
      sum += difference * difference;
    }
    count += a.size();
  }
  if (sum == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(255.0 * 255.0 * static_cast<double>(count) / sum);
}

}  // namespace lrti::train
