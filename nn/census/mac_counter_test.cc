#include "nn/census/mac_counter.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace lrti::nn {
namespace {

template <typename Run>
Macs Counted(const Run& run) {
  const MacCounter counter;
  run();
  return counter.macs();
}

TEST(MacCounter, CountsConvolutions) {
  const at::Tensor x = at::ones({2, 4, 6, 10});
  const auto run = [&](int64_t channels, int64_t stride, int64_t padding, int64_t dilation,
                       int64_t groups) {
    return Counted([&] {
      at::conv2d(x, at::ones({8, channels, 3, 3}), {}, at::IntArrayRef(stride),
                 at::IntArrayRef(padding), at::IntArrayRef(dilation), groups);
    });
  };
  EXPECT_EQ(run(4, 1, 1, 1, 1), Macs{.convolution = 2 * 8 * 6 * 10 * (4 * 9)});
  EXPECT_EQ(run(2, 2, 1, 1, 2), Macs{.convolution = 2 * 8 * 3 * 5 * (2 * 9)});
  EXPECT_EQ(run(4, 1, 0, 2, 1), Macs{.convolution = 2 * 8 * 2 * 6 * (4 * 9)});
  EXPECT_EQ(Counted([&] {
              at::conv_transpose2d(x, at::ones({4, 8, 3, 3}), {}, 2, 1, 1);
            }),
            Macs{.convolution = 2 * 4 * 6 * 10 * (8 * 9)});
}

TEST(MacCounter, CountsLinearLayers) {
  torch::nn::Linear linear(5, 7);
  EXPECT_EQ(Counted([&] { linear->forward(at::ones({2, 3, 5})); }), Macs{.linear = 2 * 3 * 5 * 7});
  EXPECT_EQ(Counted([&] { linear->forward(at::ones({3, 5})); }), Macs{.linear = 3 * 5 * 7});
  EXPECT_EQ(Counted([&] {
              at::linear(at::ones({2, 3, 5}), linear->weight, linear->bias);
            }),
            Macs{.linear = 2 * 3 * 5 * 7});
}

TEST(MacCounter, CountsAttentionAndOtherProductsOfBatches) {
  const at::Tensor a = at::ones({6, 3, 5});
  const at::Tensor b = at::ones({6, 5, 4});
  EXPECT_EQ(Counted([&] {
              at::empty({6, 3, 4}).baddbmm_(a, b, 0, 1);
            }),
            Macs{.attention = 6 * 3 * 5 * 4});
  EXPECT_EQ(Counted([&] { at::bmm(a, b); }), Macs{.product = 6 * 3 * 5 * 4});
  const at::Tensor query = at::ones({2, 3, 7, 8});
  const at::Tensor key = at::ones({2, 3, 9, 8});
  EXPECT_EQ(Counted([&] { at::scaled_dot_product_attention(query, key, key); }),
            Macs{.attention = 2 * (2 * 3 * 7 * 9 * 8)});
}

TEST(MacCounter, DoesNotCountWorkOnSingleElements) {
  const at::Tensor x = at::ones({4, 4});
  EXPECT_EQ(Counted([&] { at::layer_norm(x * x + x, {4}).softmax(-1).sum(); }), Macs());
}

TEST(MacCounter, CountsWhileItLives) {
  const at::Tensor x = at::ones({4, 4});
  at::mm(x, x);
  EXPECT_EQ(Counted([] {}), Macs());
  EXPECT_EQ(Counted([&] { at::mm(x, x); }), Macs{.linear = 64});
}

TEST(MacCounter, CountsOnlyOnceAtATime) {
  const MacCounter counter;
  EXPECT_THROW(MacCounter(), c10::Error);
}

}  // namespace
}  // namespace lrti::nn
