#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/conv.h>

#include <cstdint>
#include <vector>

namespace lrti::nn {

/// From features to a picture four times larger in each direction, for one frame:
///
///     u = lrelu(shuffle2(upconv2(lrelu(shuffle2(upconv1(features))))))
///     picture = conv_last(lrelu(conv_hr(u))) + bilinear_x4(frame)
///
/// Shapes  features: [B, in, H, W]; frame: [B, 3, H, W]; returns [B, 3, 4H, 4W]; lrelu slope 0.1.
/// The public state dicts name the four convolutions on the network itself, so this is no module of
/// its own: it registers them in `network`.
class Tail {
 public:
  /// `channels`: width of the layers on the enlarged frame.
  Tail(torch::nn::Module& network, int64_t in, int64_t channels);

  at::Tensor Forward(const at::Tensor& features, const at::Tensor& frame);

  std::vector<at::Tensor> Parameters() const;

 private:
  torch::nn::Conv2d upconv1_;
  torch::nn::Conv2d upconv2_;
  torch::nn::Conv2d conv_hr_;
  torch::nn::Conv2d conv_last_;
};

}  // namespace lrti::nn
