#include "nn/blocks/flow_warp.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "nn/blocks/gradient_check.h"
#include "tests/golden/golden.h"

namespace lrti::nn {
namespace {

using golden::Summary;

at::Tensor Warped(const at::Tensor& x, const at::Tensor& flow, Padding padding) {
  return FlowWarp(x.size(2), x.size(3), flow.options())(x, flow, padding);
}

using Image = decltype(std::declval<const at::Tensor&>().accessor<double, 2>());

// One output element by the definition, pixel by pixel.
double Sample(const Image& image, double x, double y, Padding padding) {
  const int64_t height = image.size(0);
  const int64_t width = image.size(1);
  if (padding == Padding::kBorder) {
    x = std::clamp(x, 0.0, static_cast<double>(width - 1));
    y = std::clamp(y, 0.0, static_cast<double>(height - 1));
  }
  const auto left = static_cast<int64_t>(std::floor(x));
  const auto top = static_cast<int64_t>(std::floor(y));
  double sum = 0;
  for (int64_t row = top; row <= top + 1; ++row) {
    for (int64_t column = left; column <= left + 1; ++column) {
      if (row < 0 || row >= height || column < 0 || column >= width) continue;
      sum += image[row][column] * (1 - std::abs(x - static_cast<double>(column))) *
             (1 - std::abs(y - static_cast<double>(row)));
    }
  }
  return sum;
}

at::Tensor SlowlyWarped(const at::Tensor& x, const at::Tensor& flow, Padding padding) {
  at::Tensor warped = at::zeros_like(x);
  for (int64_t b = 0; b < x.size(0); ++b) {
    const at::Tensor motion = flow[b];
    const auto uv = motion.accessor<double, 3>();
    for (int64_t c = 0; c < x.size(1); ++c) {
      const at::Tensor image = x[b][c];
      const at::Tensor out = warped[b][c];
      auto to = out.accessor<double, 2>();
      for (int64_t row = 0; row < x.size(2); ++row) {
        for (int64_t column = 0; column < x.size(3); ++column) {
          to[row][column] =
              Sample(image.accessor<double, 2>(), static_cast<double>(column) + uv[0][row][column],
                     static_cast<double>(row) + uv[1][row][column], padding);
        }
      }
    }
  }
  return warped;
}

at::Tensor Noise(at::IntArrayRef sizes, double scale) {
  return at::randn(sizes, at::make_generator<at::CPUGeneratorImpl>(7), at::kDouble) * scale;
}

TEST(FlowWarp, EqualsThePublicImplementation) {
  const at::Tensor x = golden::Frames(1, 16, 20).squeeze(1);
  const at::Tensor flow = at::stack({6 * x.select(1, 0) - 3, 5 * x.select(1, 1) - 2}, 1);
  Summary expected(
      0.3904155628, 0.2210833413,
      {0.4778224248, 0.5992977472, 0.5857232187, 0.2162015933, 0.1699978412, 0.2576045801});
  EXPECT_LT(Summary(Warped(x, flow, Padding::kZeros)).Distance(expected), 1e-8);
  EXPECT_LT(
      Summary(Warped(x.to(at::kFloat), flow.to(at::kFloat), Padding::kZeros)).Distance(expected),
      1e-5);
  expected.mean = 0.4066500198;
  expected.deviation = 0.2193996745;
  expected.probes[5] = 0.3975475966;
  EXPECT_LT(Summary(Warped(x, flow, Padding::kBorder)).Distance(expected), 1e-8);
}

TEST(FlowWarp, EqualsASlowLoopOverPixels) {
  const at::Tensor x = Noise({2, 3, 7, 5}, 1);
  const at::Tensor flow = Noise({2, 2, 7, 5}, 3);
  for (const Padding padding : {Padding::kZeros, Padding::kBorder}) {
    EXPECT_LT(
        (Warped(x, flow, padding) - SlowlyWarped(x, flow, padding)).abs().max().item<double>(),
        1e-12);
  }
}

TEST(FlowWarp, DoesNothingWithoutMotion) {
  const at::Tensor x = Noise({1, 4, 6, 9}, 1);
  const at::Tensor warped = Warped(x, at::zeros({1, 2, 6, 9}, at::kDouble), Padding::kZeros);
  EXPECT_TRUE(at::allclose(warped, x, 0, 1e-12));
}

TEST(FlowWarp, WorksOnASinglePixel) {
  const at::Tensor x = at::full({1, 2, 1, 1}, 3.0);
  EXPECT_TRUE(at::equal(Warped(x, at::zeros({1, 2, 1, 1}), Padding::kZeros), x));
}

TEST(FlowWarp, LooksWhereTheFlowPointsAndSeesZerosOutside) {
  const at::Tensor x = Noise({1, 1, 6, 9}, 1);
  at::Tensor flow = at::zeros({1, 2, 6, 9}, at::kDouble);
  flow.select(1, 0).fill_(2);   // to the right
  flow.select(1, 1).fill_(-1);  // up
  const at::Tensor warped = Warped(x, flow, Padding::kZeros);
  EXPECT_TRUE(
      at::allclose(warped.slice(2, 1).slice(3, 0, 7), x.slice(2, 0, 5).slice(3, 2), 0, 1e-12));
  EXPECT_LT(warped.select(2, 0).abs().max().item<double>(), 1e-12);
  EXPECT_LT(warped.slice(3, 7).abs().max().item<double>(), 1e-12);
}

TEST(FlowWarp, HasTheGradientOfItsValue) {
  const at::Tensor x = Noise({1, 2, 4, 5}, 1).requires_grad_();
  const at::Tensor flow = Noise({1, 2, 4, 5}, 1).requires_grad_();
  const at::Tensor weight = Noise({1, 2, 4, 5}, 1);
  const auto loss = [&] { return (Warped(x, flow, Padding::kZeros) * weight).sum(); };
  ExpectGradient(loss, x);
  ExpectGradient(loss, flow);
}

TEST(FlowWarp, AnswersInTheTypeOfTheImages) {
  const at::Tensor x = at::rand({1, 2, 8, 8}).to(at::kBFloat16);
  const at::Tensor flow = at::full({1, 2, 8, 8}, 0.5);
  const at::Tensor warped = Warped(x, flow, Padding::kBorder);
  EXPECT_EQ(warped.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(
      at::equal(warped, Warped(x.to(at::kFloat), flow, Padding::kBorder).to(at::kBFloat16)));
}

TEST(FlowWarp, RefusesShapesThatDoNotFit) {
  const FlowWarp warp(8, 8, at::kFloat);
  const at::Tensor x = at::zeros({1, 4, 8, 8});
  EXPECT_THROW(warp(x, at::zeros({2, 2, 8, 8}), Padding::kZeros), c10::Error);
  EXPECT_THROW(warp(x, at::zeros({1, 8, 8, 2}), Padding::kZeros), c10::Error);
  EXPECT_THROW(warp(at::zeros({1, 4, 8, 9}), at::zeros({1, 2, 8, 8}), Padding::kZeros), c10::Error);
}

}  // namespace
}  // namespace lrti::nn
