#include "nn/blocks/tail.h"

#include <torch/torch.h>

#include "nn/blocks/conv.h"

namespace lrti::nn {
namespace {

at::Tensor Enlarged(torch::nn::Conv2d& conv, const at::Tensor& features) {
  return LeakyRelu(at::pixel_shuffle(conv(features), 2));
}

}  // namespace

Tail::Tail(torch::nn::Module& network, int64_t in, int64_t channels)
    : upconv1_(network.register_module("upconv1", SameConv(in, 4 * in, 3))),
      upconv2_(network.register_module("upconv2", SameConv(in, 4 * channels, 3))),
      conv_hr_(network.register_module("conv_hr", SameConv(channels, channels, 3))),
      conv_last_(network.register_module("conv_last", SameConv(channels, 3, 3))) {}

at::Tensor Tail::Forward(const at::Tensor& features, const at::Tensor& frame) {
  const at::Tensor enlarged = Enlarged(upconv2_, Enlarged(upconv1_, features));
  const at::Tensor detail = conv_last_(LeakyRelu(conv_hr_(enlarged)));
  return at::upsample_bilinear2d(frame, {4 * frame.size(2), 4 * frame.size(3)},
                                 /*align_corners=*/false)
      .add_(detail);
}

std::vector<at::Tensor> Tail::Parameters() const {
  std::vector<at::Tensor> parameters;
  for (const torch::nn::Conv2d& conv : {upconv1_, upconv2_, conv_hr_, conv_last_}) {
    parameters.insert(parameters.end(), {conv->weight, conv->bias});
  }
  return parameters;
}

}  // namespace lrti::nn
