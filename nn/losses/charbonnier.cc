#include "nn/losses/charbonnier.h"

#include <torch/torch.h>

namespace lrti::nn {

at::Tensor Charbonnier(const at::Tensor& output, const at::Tensor& target, double added) {
  TORCH_CHECK(output.sizes() == target.sizes(), "Charbonnier: output is ", output.sizes(),
              " but target is ", target.sizes());
  const at::ScalarType wide = at::promote_types(output.scalar_type(), at::kFloat);
  const at::Tensor difference = output.to(wide) - target.to(wide);
  return (difference * difference).add_(added).sqrt_().mean();
}

}  // namespace lrti::nn
