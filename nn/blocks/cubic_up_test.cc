#include "nn/blocks/cubic_up.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

namespace lrti::nn {
namespace {

// The cubic kernel of Keys, 1981, with a = -0.75.
double Kernel(double x) {
  constexpr double kA = -0.75;
  x = std::abs(x);
  if (x <= 1) return (kA + 2) * x * x * x - (kA + 3) * x * x + 1;
  if (x < 2) return kA * (x * x * x - 5 * x * x + 8 * x - 4);
  return 0;
}

// One output element by the definition: every input pixel, those beyond the border repeated.
double Element(const at::Tensor& image, int64_t row, int64_t column) {
  const auto pixels = image.accessor<double, 2>();
  double sum = 0;
  for (int64_t i = -3; i < image.size(0) + 3; ++i) {
    for (int64_t j = -3; j < image.size(1) + 3; ++j) {
      const double weight = Kernel(static_cast<double>(row) / 4 - static_cast<double>(i)) *
                            Kernel(static_cast<double>(column) / 4 - static_cast<double>(j));
      sum += weight * pixels[std::clamp<int64_t>(i, 0, image.size(0) - 1)]
                            [std::clamp<int64_t>(j, 0, image.size(1) - 1)];
    }
  }
  return sum;
}

TEST(CubicUp4, IsCubicConvolutionWithItsPhaseAtThePixel) {
  torch::manual_seed(5);
  const at::Tensor images = at::rand({2, 3, 5, 7}, at::kDouble);
  const at::Tensor enlarged = CubicUp4().Forward(images);
  ASSERT_EQ(enlarged.sizes(), at::IntArrayRef({2, 3, 20, 28}));
  for (int64_t row = 0; row < 20; ++row) {
    for (int64_t column = 0; column < 28; ++column) {
      EXPECT_NEAR(enlarged[1][2][row][column].item<double>(), Element(images[1][2], row, column),
                  1e-14);
    }
  }
  EXPECT_TRUE(at::equal(enlarged.slice(2, 0, 20, 4).slice(3, 0, 28, 4), images));
}

}  // namespace
}  // namespace lrti::nn
