#pragma once

#include <c10/util/ArrayRef.h>

#include <cstdint>
#include <vector>

namespace lrti::nn {

/// How a convolution's kernel moves; a list of one entry holds for all axes.
struct ConvolutionSteps {
  at::IntArrayRef stride;
  at::IntArrayRef padding;
  at::IntArrayRef dilation;
  bool transposed = false;
  at::IntArrayRef output_padding;
  int64_t groups = 1;
};

/// Shape of what a convolution puts out. input: [B, C, sides..]; weight: [O, C / groups, sides..],
/// transposed [C, O / groups, sides..]. Errors: c10::Error where the kernel does not fit.
std::vector<int64_t> ConvolutionShape(at::IntArrayRef input, at::IntArrayRef weight,
                                      const ConvolutionSteps& steps);

}  // namespace lrti::nn
