#include "nn/census/shapes_alone.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>

namespace lrti::nn {
namespace {

TEST(ToShapesAlone, MovesWhatMembersShareToo) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(3, 4, 3));
  ToShapesAlone(*conv);
  EXPECT_TRUE(conv->weight.is_meta());
  EXPECT_TRUE(conv->parameters().at(0).is_meta());
  EXPECT_TRUE(conv->weight.requires_grad());
  EXPECT_EQ(conv->weight.sizes(), at::IntArrayRef({4, 3, 3, 3}));
  EXPECT_EQ(conv->forward(at::empty({2, 3, 5, 6}, at::kMeta)).sizes(),
            at::IntArrayRef({2, 4, 3, 4}));
}

// Operations with a rule of their own, and some of those that run on zeros.
TEST(ToShapesAlone, TeachesLibTorchTheShapesOfItsOperations) {
  torch::nn::Linear any(1, 1);
  ToShapesAlone(*any);
  using Operation = std::function<at::Tensor(const at::Tensor&)>;
  const std::vector<std::pair<const char*, Operation>> operations = {
      {"convolution",
       [](const auto& x) {
         return at::conv2d(x, at::empty({7, 4, 3, 3}, x.options()), {}, 2, 1);
       }},
      {"transposed convolution",
       [](const auto& x) {
         return at::conv_transpose2d(x, at::empty({4, 5, 3, 3}, x.options()), {}, 2, 1, 1);
       }},
      {"layer norm", [](const auto& x) { return at::layer_norm(x, {x.size(3)}); }},
      {"index_select",
       [](const auto& x) {
         return x.index_select(-2, at::zeros({9}, x.options().dtype(at::kLong)));
       }},
      {"grid_sampler",
       [](const auto& x) {
         return at::grid_sampler(x, at::zeros({2, 5, 7, 2}, x.options()), 0, 0, true);
       }},
      {"reflection_pad2d",
       [](const auto& x) {
         return at::reflection_pad2d(x, {1, 2, 3, 4});
       }},
      {"logical_and", [](const auto& x) { return (x > 0).logical_and(x.narrow(0, 0, 1) < 1); }},
      {"logical_or_", [](const auto& x) { return (x > 0).logical_or_(x < 1); }},
      {"logical_not", [](const auto& x) { return x.logical_not(); }},
      {"roll",
       [](const auto& x) {
         return x.roll({1, 2}, {2, 3});
       }},
      {"floor_divide", [](const auto& x) { return x.floor_divide(2); }},
      {"pixel_shuffle", [](const auto& x) { return at::pixel_shuffle(x, 2); }},
      {"argsort", [](const auto& x) { return x.argsort(); }},
      {"repeat_interleave", [](const auto& x) { return at::repeat_interleave(x, 3, 2); }},
  };
  for (const auto& [name, run] : operations) {
    SCOPED_TRACE(name);
    const at::Tensor with = run(at::ones({2, 4, 6, 8}));
    const at::Tensor without = run(at::empty({2, 4, 6, 8}, at::kMeta));
    EXPECT_TRUE(without.is_meta());
    EXPECT_EQ(without.sizes(), with.sizes());
    EXPECT_EQ(without.scalar_type(), with.scalar_type());
  }
}

TEST(ToShapesAlone, RefusesWhatLibTorchRefuses) {
  torch::nn::Linear any(1, 1);
  ToShapesAlone(*any);
  const at::Tensor x = at::empty({1, 3, 4, 4}, at::kMeta);
  EXPECT_THROW(at::reflection_pad2d(x, {0, 4, 0, 0}), c10::Error);
  EXPECT_THROW(at::conv2d(x, at::empty({1, 3, 5, 5}, x.options())), c10::Error);
  EXPECT_THROW(at::conv2d(x, at::empty({1, 2, 3, 3}, x.options())), c10::Error);
}

}  // namespace
}  // namespace lrti::nn
