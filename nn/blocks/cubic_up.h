#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace lrti::nn {

/// Enlarges images four times in each direction by cubic convolution with a = -0.75, zero phase:
/// output 4i + d lies at input i + d/4; the border is repeated outwards.
///
/// Shapes  x: [B, C, H, W]; returns [B, C, 4H, 4W].
/// Names   buffer kernels, [4, 4]: the taps at i-1 .. i+2 for each d.
/// Source  the inverse of blur and decimation (BD) in public FRVSR and TecoGAN code; Keys, 1981.
class CubicUp4 : public torch::nn::Module {
 public:
  CubicUp4();

  at::Tensor Forward(const at::Tensor& x) const;

 private:
  at::Tensor kernels_;
};

}  // namespace lrti::nn
