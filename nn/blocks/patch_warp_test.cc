#include "nn/blocks/patch_warp.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>

#include "tests/golden/golden.h"

namespace lrti::nn {
namespace {

using golden::Summary;

at::Tensor Warped(const at::Tensor& x, const at::Tensor& flow, int64_t patch = 8) {
  return PatchWarp(x.size(2), x.size(3), patch, x.options())(x, flow);
}

at::Tensor Noise(at::IntArrayRef sizes, double scale) {
  return at::randn(sizes, at::make_generator<at::CPUGeneratorImpl>(7), at::kDouble) * scale;
}

TEST(PatchWarp, EqualsThePublicImplementation) {
  const at::Tensor x = golden::Frames(1, 20, 28).squeeze(1);
  const at::Tensor flow = at::stack({6 * x.select(1, 0) - 3, 5 * x.select(1, 1) - 2}, 1);
  const Summary expected(0.4096679739, 0.2542132248,
                         {0.5, 0.5887594514, 0.7158023417, 0, 0.2821060569, 0.4806849566});
  EXPECT_LT(Summary(Warped(x, flow)).Distance(expected), 1e-8);
  EXPECT_LT(Summary(Warped(x.to(at::kFloat), flow.to(at::kFloat))).Distance(expected), 1e-6);
}

TEST(PatchWarp, MovesEachPatchByItsMeanFlow) {
  const at::Tensor x = Noise({1, 3, 8, 16}, 1);
  at::Tensor flow = at::zeros({1, 2, 8, 16}, at::kDouble);
  flow.select(1, 0).slice(2, 0, 8).fill_(2.4);   // left patch: from two pixels to the right
  flow.select(1, 1).slice(2, 8, 16).fill_(0.6);  // right patch: from one pixel below
  const at::Tensor warped = Warped(x, flow);
  EXPECT_TRUE(at::equal(warped.slice(3, 0, 8), x.slice(3, 2, 10)));
  EXPECT_TRUE(at::equal(warped.slice(3, 8, 16).slice(2, 0, 7), x.slice(3, 8, 16).slice(2, 1, 8)));
  EXPECT_TRUE(warped.slice(3, 8, 16).select(2, 7).eq(0).all().item<bool>());
}

TEST(PatchWarp, DoesNothingWithoutMotion) {
  const at::Tensor x = Noise({2, 4, 11, 9}, 1);
  EXPECT_TRUE(at::equal(Warped(x, at::zeros({2, 2, 11, 9})), x));
}

TEST(PatchWarp, SeesZerosFarOutside) {
  const at::Tensor x = Noise({1, 2, 8, 8}, 1);
  const at::Tensor flow = at::full({1, 2, 8, 8}, 1e6);
  EXPECT_EQ(Warped(x, flow).abs().max().item<double>(), 0);
}

TEST(PatchWarp, GivesTheImagesAGradientAndTheFlowNone) {
  const at::Tensor x = Noise({1, 2, 12, 10}, 1).requires_grad_();
  const at::Tensor flow = Noise({1, 2, 12, 10}, 3).requires_grad_();
  const at::Tensor weight = Noise({1, 2, 12, 10}, 2);
  (Warped(x, flow) * weight).sum().backward();
  EXPECT_FALSE(flow.grad().defined());
  // The warp is linear in x: its value is the gradient's product with x.
  EXPECT_NEAR((x.grad() * x).sum().item<double>(), (Warped(x, flow) * weight).sum().item<double>(),
              1e-10);
}

TEST(PatchWarp, AnswersInTheTypeOfTheImages) {
  const at::Tensor x = at::rand({1, 2, 8, 8}).to(at::kBFloat16);
  EXPECT_EQ(Warped(x, at::zeros({1, 2, 8, 8})).scalar_type(), at::kBFloat16);
}

TEST(PatchWarp, RefusesWhatDoesNotFit) {
  const PatchWarp warp(8, 8, 8, at::kFloat);
  const at::Tensor x = at::zeros({1, 4, 8, 8});
  EXPECT_THROW(warp(x, at::zeros({2, 2, 8, 8})), c10::Error);
  EXPECT_THROW(warp(at::zeros({1, 4, 8, 9}), at::zeros({1, 2, 8, 8})), c10::Error);
  EXPECT_NO_THROW(PatchWarp(5, 5, 8, at::kFloat));
  try {
    PatchWarp(4, 9, 8, at::kFloat);
    FAIL() << "4 rows are half a patch";
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what()).find("at least 5x5"), std::string::npos) << error.what();
  }
}

TEST(PatchWarp, TakesTheSmallestFrames) {
  const at::Tensor x = Noise({1, 2, 5, 5}, 1);
  EXPECT_TRUE(at::equal(Warped(x, at::zeros({1, 2, 5, 5})), x));
}

}  // namespace
}  // namespace lrti::nn
