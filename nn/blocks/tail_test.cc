#include "nn/blocks/tail.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <vector>

namespace lrti::nn {
namespace {

TEST(Tail, RegistersItsConvolutionsInTheNetwork) {
  torch::nn::Module network;
  const Tail tail(network, 8, 4);
  const std::vector<std::string> names = {"upconv1.weight",   "upconv1.bias",   "upconv2.weight",
                                          "upconv2.bias",     "conv_hr.weight", "conv_hr.bias",
                                          "conv_last.weight", "conv_last.bias"};
  const auto weights = network.named_parameters();
  EXPECT_EQ(weights.keys(), names);
  EXPECT_EQ(weights["upconv1.weight"].sizes(), at::IntArrayRef({32, 8, 3, 3}));
  EXPECT_EQ(weights["upconv2.weight"].sizes(), at::IntArrayRef({16, 8, 3, 3}));
  EXPECT_EQ(weights["conv_hr.weight"].sizes(), at::IntArrayRef({4, 4, 3, 3}));
  EXPECT_EQ(weights["conv_last.weight"].sizes(), at::IntArrayRef({3, 4, 3, 3}));
}

TEST(Tail, AddsDetailToTheBilinearFrame) {
  torch::nn::Module network;
  Tail tail(network, 8, 4);
  const torch::NoGradGuard no_grad;
  for (auto& weight : network.parameters()) weight.zero_();
  const at::Tensor bias = network.named_parameters()["conv_last.bias"];
  bias.fill_(0.25);
  const at::Tensor frame = at::rand({2, 3, 5, 6});
  const at::Tensor expected = at::upsample_bilinear2d(frame, {20, 24}, false) + 0.25;
  EXPECT_TRUE(at::allclose(tail.Forward(at::randn({2, 8, 5, 6}), frame), expected));
}

}  // namespace
}  // namespace lrti::nn
