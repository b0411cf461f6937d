#include "nn/blocks/conv.h"

#include <torch/torch.h>

namespace lrti::nn {

torch::nn::Conv2d SameConv(int64_t in, int64_t out, int64_t kernel) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2));
}

at::Tensor LeakyRelu(at::Tensor x) { return at::leaky_relu_(x, 0.1); }

}  // namespace lrti::nn
