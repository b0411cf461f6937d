#include "nn/census/convolution_shape.h"

#include <c10/util/Exception.h>

namespace lrti::nn {
namespace {

int64_t At(at::IntArrayRef list, size_t axis) { return list.size() == 1 ? list[0] : list[axis]; }

}  // namespace

std::vector<int64_t> ConvolutionShape(at::IntArrayRef input, at::IntArrayRef weight,
                                      const ConvolutionSteps& steps) {
  TORCH_CHECK(input.size() == weight.size() && input.size() >= 3,
              "convolution: expected [B, C, sides..], got ", input, " and a weight ", weight);
  TORCH_CHECK(input[1] == (steps.transposed ? weight[0] : weight[1] * steps.groups),
              "convolution: an input ", input, " does not fit a weight ", weight, " in ",
              steps.groups, " groups");
  std::vector<int64_t> shape = {input[0], steps.transposed ? weight[1] * steps.groups : weight[0]};
  for (size_t axis = 0; axis + 2 < input.size(); ++axis) {
    const int64_t size = input[axis + 2];
    const int64_t reach = At(steps.dilation, axis) * (weight[axis + 2] - 1);
    const int64_t stride = At(steps.stride, axis);
    const int64_t padding = 2 * At(steps.padding, axis);
    const int64_t room = size + padding - reach - 1;
    const int64_t out = steps.transposed ? (size - 1) * stride - padding + reach +
                                               At(steps.output_padding, axis) + 1
                                         : (room < 0 ? 0 : room / stride + 1);
    TORCH_CHECK(out > 0, "convolution: an input ", input, " is too small for a weight ", weight);
    shape.push_back(out);
  }
  return shape;
}

}  // namespace lrti::nn
