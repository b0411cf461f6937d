#include "nn/blocks/tokens.h"

#include <torch/torch.h>

namespace lrti::nn {

torch::nn::Linear TokenLinear(int64_t in, int64_t out) {
  torch::nn::Linear linear(in, out);
  const torch::NoGradGuard no_grad;
  // The public code cuts this distribution at 2, a hundred deviations out.
  torch::nn::init::normal_(linear->weight, 0, 0.02);
  torch::nn::init::zeros_(linear->bias);
  return linear;
}

torch::nn::LayerNorm TokenNorm(int64_t width) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}));
}

}  // namespace lrti::nn
