#include "nn/blocks/drop_path.h"

#include <torch/torch.h>

#include <algorithm>

namespace lrti::nn {

at::Tensor DrawnShares(double rate, int64_t batch, const at::TensorOptions& options) {
  if (rate == 0) return {};
  return at::rand({batch}, options).ge_(rate).div_(1 - rate);
}

std::vector<double> DropRates(double last, int64_t blocks) {
  std::vector<double> rates;
  for (int64_t i = 0; i < blocks; ++i) {
    rates.push_back(last * static_cast<double>(i) /
                    static_cast<double>(std::max<int64_t>(blocks - 1, 1)));
  }
  return rates;
}

}  // namespace lrti::nn
