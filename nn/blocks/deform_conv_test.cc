#include "nn/blocks/deform_conv.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <cmath>
#include <functional>
#include <vector>

#include "nn/blocks/gradient_check.h"

namespace lrti::nn {
namespace {

struct Operands {
  at::Tensor x;
  at::Tensor offset;
  at::Tensor mask;
  at::Tensor weight;
  at::Tensor bias;

  std::array<at::Tensor*, 5> All() { return {&x, &offset, &mask, &weight, &bias}; }
};

// Offsets of a few pixels, so that many places lie outside.
Operands Noise(int64_t batch, int64_t channels, int64_t groups, int64_t height, int64_t width) {
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(11);
  const auto noise = [&](at::IntArrayRef sizes) {
    return at::randn(sizes, generator, at::kDouble);
  };
  return {
      noise({batch, channels, height, width}), noise({batch, 18 * groups, height, width}).mul_(2.5),
      noise({batch, 9 * groups, height, width}).sigmoid_(), noise({5, channels, 3, 3}), noise({5})};
}

using Op = at::Tensor (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                          const at::Tensor&, const at::Tensor&);

at::Tensor Convolved(Op op, const Operands& in) {
  return op(in.x, in.offset, in.mask, in.weight, in.bias);
}

double Distance(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>();
}

// The image at a place between pixels, zero outside.
double Sample(const at::Tensor& image, double y, double x) {
  const auto pixels = image.accessor<double, 2>();
  double sum = 0;
  for (int64_t row = 0; row < image.size(0); ++row) {
    for (int64_t column = 0; column < image.size(1); ++column) {
      const double down = std::abs(y - static_cast<double>(row));
      const double right = std::abs(x - static_cast<double>(column));
      if (down < 1 && right < 1) sum += pixels[row][column] * (1 - down) * (1 - right);
    }
  }
  return sum;
}

// One output element by the definition.
double Element(const Operands& in, int64_t image, int64_t out, int64_t row, int64_t column) {
  const int64_t groups = in.mask.size(1) / 9;
  double sum = in.bias[out].item<double>();
  for (int64_t c = 0; c < in.x.size(1); ++c) {
    const int64_t group = c / (in.x.size(1) / groups);
    for (int64_t tap = 0; tap < 9; ++tap) {
      const auto at_place = [&](const at::Tensor& t, int64_t channel) {
        return t[image][channel][row][column].item<double>();
      };
      const int64_t i = 9 * group + tap;
      const double y = static_cast<double>(row + tap / 3 - 1) + at_place(in.offset, 2 * i);
      const double x = static_cast<double>(column + tap % 3 - 1) + at_place(in.offset, 2 * i + 1);
      sum += in.weight[out][c][tap / 3][tap % 3].item<double>() * at_place(in.mask, i) *
             Sample(in.x[image][c], y, x);
    }
  }
  return sum;
}

TEST(DeformConv, IsItsDefinition) {
  const Operands in = Noise(2, 4, 2, 5, 7);
  const at::Tensor fast = Convolved(DeformConv, in);
  const at::Tensor plain = Convolved(PlainDeformConv, in);
  ASSERT_EQ(fast.sizes(), at::IntArrayRef({2, 5, 5, 7}));
  EXPECT_LT(Distance(fast, plain), 1e-12);
  for (int64_t row = 0; row < 5; ++row) {
    for (int64_t column = 0; column < 7; ++column) {
      EXPECT_NEAR(fast[1][3][row][column].item<double>(), Element(in, 1, 3, row, column), 1e-12);
    }
  }
}

TEST(DeformConv, WithoutOffsetsIsAConvolution) {
  Operands in = Noise(1, 6, 3, 8, 9);
  in.offset.zero_();
  in.mask.fill_(1);
  EXPECT_LT(Distance(Convolved(DeformConv, in), at::conv2d(in.x, in.weight, in.bias, 1, 1)), 1e-12);
}

// More pixels than one piece of columns holds, and threads that share them.
TEST(DeformConv, PiecesAndThreadsChangeNothing) {
  Operands in = Noise(1, 64, 16, 48, 41);
  const at::Tensor plain = Convolved(PlainDeformConv, in);
  std::vector<at::Tensor> gradients;
  for (const int threads : {1, 3}) {
    at::set_num_threads(threads);
    in.x = in.x.detach().requires_grad_();
    const at::Tensor output = Convolved(DeformConv, in);
    EXPECT_LT(Distance(output, plain), 1e-10);
    output.square().sum().backward();
    gradients.push_back(in.x.grad());
  }
  at::set_num_threads(1);
  EXPECT_LT(Distance(gradients[0], gradients[1]), 1e-9);
}

at::Tensor Differences(const std::function<at::Tensor()>& loss, const at::Tensor& input) {
  const at::Tensor gradient = at::empty_like(input).contiguous();
  for (int64_t i = 0; i < input.numel(); ++i) {
    gradient.view({-1})[i] = CentralDifference(loss, input, i);
  }
  return gradient;
}

TEST(DeformConv, GradientsAreThoseOfDifferencesAndOfThePlainVersion) {
  Operands in = Noise(2, 4, 2, 3, 4);
  const auto loss = [&](Op op) { return Convolved(op, in).square().sum(); };
  std::vector<at::Tensor> expected;
  for (at::Tensor* input : in.All()) {
    expected.push_back(Differences([&] { return loss(DeformConv); }, *input));
  }
  for (const Op op : {&DeformConv, &PlainDeformConv}) {
    for (at::Tensor* input : in.All()) *input = input->detach().requires_grad_();
    loss(op).backward();
    for (size_t i = 0; i < expected.size(); ++i) {
      const at::Tensor& gradient = in.All()[i]->grad();
      EXPECT_LT(Distance(gradient, expected[i]), 1e-6 * expected[i].abs().max().item<double>())
          << "input " << i;
    }
  }
}

TEST(DeformConv, WhatIsNotANumberStaysSo) {
  for (const Op op : {&DeformConv, &PlainDeformConv}) {
    Operands in = Noise(1, 2, 1, 3, 3);
    in.mask[0][0][1][1] = std::nan("");
    in.offset[0][5][0][0] = std::nan("");
    const at::Tensor output = Convolved(op, in)[0];
    for (int64_t row = 0; row < 3; ++row) {
      for (int64_t column = 0; column < 3; ++column) {
        const bool spoiled = row == column && row < 2;
        EXPECT_EQ(output.select(1, row).select(1, column).isnan().all().item<bool>(), spoiled);
        EXPECT_EQ(output.select(1, row).select(1, column).isnan().any().item<bool>(), spoiled);
      }
    }
  }
}

TEST(DeformConv, AnswersInTheTypeOfItsImage) {
  Operands in = Noise(1, 4, 2, 6, 6);
  const at::Tensor exact = Convolved(DeformConv, in);
  for (at::Tensor* input : in.All()) *input = input->to(at::kFloat);
  EXPECT_LT(Distance(Convolved(DeformConv, in).to(at::kDouble), exact), 1e-4);
  in.x = in.x.to(at::kBFloat16);
  const at::Tensor rounded = Convolved(DeformConv, in);
  EXPECT_EQ(rounded.scalar_type(), at::kBFloat16);
  EXPECT_LT(Distance(rounded.to(at::kDouble), exact), 0.3);
}

TEST(DeformConv, RefusesWhatDoesNotFit) {
  const Operands good = Noise(1, 4, 2, 6, 6);
  const auto refused = [&](const auto& spoil) {
    Operands in = good;
    spoil(in);
    EXPECT_THROW(Convolved(DeformConv, in), c10::Error);
    EXPECT_THROW(Convolved(PlainDeformConv, in), c10::Error);
  };
  refused([](Operands& in) { in.x = in.x[0]; });
  refused([](Operands& in) { in.x = in.x.narrow(1, 0, 3); });
  refused([](Operands& in) { in.mask = in.mask.narrow(1, 0, 17); });
  refused([](Operands& in) { in.mask = in.mask.narrow(1, 0, 8); });
  refused([](Operands& in) { in.offset = in.offset.narrow(2, 0, 5); });
  refused([](Operands& in) { in.weight = in.weight.narrow(3, 0, 1); });
  refused([](Operands& in) { in.bias = in.bias.narrow(0, 0, 4); });
}

TEST(DeformConv, RefusesASecondDerivative) {
  Operands in = Noise(1, 4, 2, 4, 4);
  in.x.requires_grad_();
  const at::Tensor loss = Convolved(DeformConv, in).square().sum();
  EXPECT_THROW(torch::autograd::grad({loss}, {in.x}, {}, /*retain_graph=*/true,
                                     /*create_graph=*/true),
               c10::Error);
}

}  // namespace
}  // namespace lrti::nn
