#include "nn/blocks/fnet.h"

#include <torch/torch.h>

#include <memory>

#include "nn/blocks/conv.h"

namespace lrti::nn {
namespace {

constexpr double kSlope = 0.2;
constexpr double kFlowMax = 24;  // LR pixels

at::Tensor Leaky(at::Tensor x) { return at::leaky_relu_(x, kSlope); }

}  // namespace

Fnet::Fnet()
    : encoders_({Make("encoder1", 6, 32, 32), Make("encoder2", 32, 64, 64),
                 Make("encoder3", 64, 128, 128)}),
      decoders_({Make("decoder1", 128, 256, 256), Make("decoder2", 256, 128, 128),
                 Make("decoder3", 128, 64, 64)}),
      flow_(Make("flow", 64, 32, 2)) {}

Fnet::Pair Fnet::Make(const std::string& name, int64_t in, int64_t middle, int64_t out) {
  auto chain = register_module(name, std::make_shared<torch::nn::Module>());
  return {chain->register_module("0", SameConv(in, middle, 3)),
          chain->register_module("2", SameConv(middle, out, 3))};
}

at::Tensor Fnet::Forward(const at::Tensor& reference, const at::Tensor& support) {
  TORCH_CHECK(reference.sizes() == support.sizes() && reference.dim() == 4,
              "Fnet: expected two images [B, 3, H, W], got ", reference.sizes(), " and ",
              support.sizes());
  const int64_t height = reference.size(2);
  const int64_t width = reference.size(3);
  TORCH_CHECK(height >= kSideMin && width >= kSideMin, "frames of ", height, "x", width,
              " are too small for FRVSR's flow net; at least ", kSideMin, "x", kSideMin);
  at::Tensor y = at::cat({reference, support}, 1).contiguous(at::MemoryFormat::ChannelsLast);
  for (Pair& encoder : encoders_) {
    y = at::max_pool2d(Leaky(encoder.second(Leaky(encoder.first(y)))), 2);
  }
  for (Pair& decoder : decoders_) {
    y = Leaky(decoder.second(Leaky(decoder.first(y))));
    y = at::upsample_bilinear2d(y, {2 * y.size(2), 2 * y.size(3)}, /*align_corners=*/false);
  }
  const at::Tensor flow = flow_.second(Leaky(flow_.first(y))).to(reference.scalar_type());
  const at::Tensor bounded = kFlowMax * flow.tanh();
  const int64_t below = height - bounded.size(2);
  const int64_t right = width - bounded.size(3);
  return below == 0 && right == 0 ? bounded : at::reflection_pad2d(bounded, {0, right, 0, below});
}

}  // namespace lrti::nn
