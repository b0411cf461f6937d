#include "nn/blocks/checkpoint.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/torch.h>

#include <memory>

#include "nn/blocks/residual_block.h"

namespace lrti::nn {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() : block_(Seeded()), x_(at::rand({1, 4, 6, 6}).requires_grad_()) {}

  static ResidualBlock Seeded() {
    torch::manual_seed(2);
    return ResidualBlock(4);
  }

  at::Tensor Plain(const at::Tensor& x) { return block_.Forward(x); }

  at::Tensor Recomputing(const at::Tensor& x) {
    return Checkpointed(block_,
                        [this](const std::vector<at::Tensor>& inputs) {
                          ++runs_;
                          return block_.Forward(inputs[0]);
                        },
                        {x});
  }

  // Gradients of three uses of the block, of its input first.
  template <typename Use>
  std::vector<at::Tensor> Gradients(const Use& use) {
    at::Tensor x = x_;
    for (int i = 0; i < 3; ++i) x = use(x);
    std::vector<at::Tensor> wanted = block_.parameters();
    wanted.insert(wanted.begin(), x_);
    return torch::autograd::grad({x.square().sum()}, wanted);
  }

  ResidualBlock block_;
  at::Tensor x_;
  int runs_ = 0;
};

TEST_F(CheckpointTest, AWeightUsedThreeTimesGetsTheSameGradientToTheBit) {
  const auto expected = Gradients([&](const at::Tensor& x) { return Plain(x); });
  const auto found = Gradients([&](const at::Tensor& x) { return Recomputing(x); });
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(at::equal(found[i], expected[i])) << i;
  EXPECT_EQ(runs_, 6);  // three forward, three again
}

TEST_F(CheckpointTest, AParameterIsReportedOnceForAllItsUses) {
  using torch::autograd::utils::LambdaPostHook;
  int reports = 0;  // as a data-parallel reducer hears them
  const auto accumulator = torch::autograd::impl::grad_accumulator(block_.parameters().front());
  accumulator->add_post_hook(std::make_unique<LambdaPostHook>(
      [&](const auto& outputs, const auto&) {
        ++reports;
        return outputs;
      },
      [](auto&) {}));
  Recomputing(Recomputing(x_)).sum().backward();
  EXPECT_EQ(reports, 1);
}

TEST_F(CheckpointTest, WithoutAGraphTheBlockRunsOnce) {
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(Recomputing(x_), Plain(x_)));
  EXPECT_EQ(runs_, 1);
}

TEST_F(CheckpointTest, AnInputMayBeUndefined) {
  const Block sum = [this](const std::vector<at::Tensor>& inputs) {
    EXPECT_FALSE(inputs[1].defined());
    return Plain(inputs[0]) + inputs[2];
  };
  const at::Tensor added = at::rand_like(x_).requires_grad_();
  Checkpointed(block_, sum, {x_, at::Tensor(), added}).sum().backward();
  EXPECT_TRUE(at::equal(added.grad(), at::ones_like(added)));
  EXPECT_TRUE(x_.grad().defined());
}

TEST_F(CheckpointTest, AnInputThatNeedsNoGradientGetsNone) {
  const at::Tensor x = x_.detach();
  Recomputing(x).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  for (const at::Tensor& parameter : block_.parameters()) EXPECT_TRUE(parameter.grad().defined());
}

TEST_F(CheckpointTest, FrozenParametersGetNoGradient) {
  for (at::Tensor parameter : block_.parameters()) parameter.requires_grad_(false);
  Recomputing(x_).sum().backward();
  EXPECT_TRUE(x_.grad().defined());
  for (const at::Tensor& parameter : block_.parameters()) EXPECT_FALSE(parameter.grad().defined());
}

}  // namespace
}  // namespace lrti::nn
