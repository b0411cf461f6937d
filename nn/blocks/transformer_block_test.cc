#include "nn/blocks/transformer_block.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>

namespace lrti::nn {
namespace {

constexpr int64_t kWidth = 8;

class TransformerBlockTest : public testing::Test {
 protected:
  TransformerBlockTest()
      : windows_(std::make_shared<Windows>(2, 8, 8, 4, at::kDouble)), block_(Seeded()) {
    torch::manual_seed(4);
    inputs_.x =
        windows_->Split(at::randn({1, 2, 8, 8, kWidth}, at::kDouble), Arrangement::kShifted);
    inputs_.fixed =
        windows_->Split(at::randn({2, 2, 8, 8, kWidth}, at::kDouble), Arrangement::kShifted);
    inputs_.gate = inputs_.fixed.narrow(0, 1, 1);
    inputs_.bias = block_.Bias();
  }

  static TransformerBlock Seeded() {
    torch::manual_seed(2);
    BlockDesign design;
    design.width = kWidth;
    design.window = 4;
    design.weights = AttentionWeights::kRelu2;
    design.feed_forward = FeedForwardKind::kGated;
    TransformerBlock block(design, 2);
    block.to(at::kDouble);
    const torch::NoGradGuard no_grad;
    for (at::Tensor& parameter : block.parameters()) parameter.normal_().mul_(0.3);
    return block;
  }

  at::Tensor Forward(const BlockInputs& inputs) {
    return block_.Forward(inputs, windows_, Arrangement::kShifted, /*recompute=*/false);
  }

  std::shared_ptr<const Windows> windows_;
  TransformerBlock block_;
  BlockInputs inputs_;
};

TEST_F(TransformerBlockTest, ABranchThatCountsNothingIsLeftOut) {
  inputs_.attention_share = at::zeros({8, 1, 1}, at::kDouble);
  inputs_.feed_share = inputs_.attention_share;
  EXPECT_TRUE(at::equal(Forward(inputs_), inputs_.x));
}

TEST_F(TransformerBlockTest, SharesAreThoseOfEachSample) {
  const at::Tensor full = Forward(inputs_);
  inputs_.attention_share = windows_->OfSamples(at::tensor({1., 0.}));
  inputs_.feed_share = inputs_.attention_share;
  const at::Tensor half = Forward(inputs_);
  EXPECT_TRUE(at::allclose(half.narrow(1, 0, 4), full.narrow(1, 0, 4)));
  EXPECT_TRUE(at::equal(half.narrow(1, 4, 4), inputs_.x.narrow(1, 4, 4)));
}

TEST_F(TransformerBlockTest, TheStatesMatter) {
  const at::Tensor output = Forward(inputs_);
  BlockInputs other = inputs_;
  other.gate = at::zeros_like(inputs_.gate);
  EXPECT_FALSE(at::allclose(Forward(other), output));
  other = inputs_;
  other.fixed = at::zeros_like(inputs_.fixed);
  EXPECT_FALSE(at::allclose(Forward(other), output));
}

TEST_F(TransformerBlockTest, ComputesTheSameAgain) {
  const at::Tensor x = inputs_.x.requires_grad_();
  const auto gradient = [&](bool recompute) {
    const at::Tensor output = block_.Forward(inputs_, windows_, Arrangement::kShifted, recompute);
    return torch::autograd::grad({output.square().sum()}, {x})[0];
  };
  EXPECT_TRUE(at::allclose(gradient(true), gradient(false), 1e-12, 1e-12));
}

}  // namespace
}  // namespace lrti::nn
