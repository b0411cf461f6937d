#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/conv.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace lrti::nn {

/// One pyramid level of SPyNet: five 7x7 convolutions that correct the flow of the coarser level.
///
/// Shapes  input: [B, 8, h, w], reference, warped support and flow; returns [B, 2, h, w].
/// Names   basic_module.{0,2,4,6,8}.
class SpynetLevel : public torch::nn::Module {
 public:
  SpynetLevel();

  at::Tensor Forward(const at::Tensor& input);

 private:
  std::vector<torch::nn::Conv2d> convs_;
};

/// Optical flow in six levels from coarse to fine, 1,440,300 parameters.
///
/// Images are RGB in 0..1, [B, 3, H, W]; any size (inside, sides are enlarged to multiples of 32).
/// Flow is [B, 2, H, W] in pixels, channel 0 horizontal: reference(p) ~ support(p + flow(p)).
/// Names   basic_module.{level}.basic_module.{0,2,4,6,8}; buffers mean, std.
/// Source  Ranjan and Black, CVPR 2017, arXiv:1611.00850.
class Spynet : public torch::nn::Module {
 public:
  /// An image at each level, coarsest first, normalised. Made once where an image serves twice.
  using Pyramid = std::vector<at::Tensor>;

  Spynet();

  at::Tensor Forward(const at::Tensor& reference, const at::Tensor& support);

  /// Levels of `images`.
  Pyramid Levels(const at::Tensor& images) const;

  /// Flow between two pyramids of images of `height` x `width`.
  at::Tensor Flow(const Pyramid& reference, const Pyramid& support, int64_t height, int64_t width);

 private:
  std::vector<std::shared_ptr<SpynetLevel>> levels_;
  at::Tensor mean_;
  at::Tensor std_;
};

}  // namespace lrti::nn
