#include "nn/blocks/attend.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "nn/blocks/gradient_check.h"

namespace lrti::nn {
namespace {

constexpr int64_t kWindows = 5;
constexpr int64_t kTokens = 4;  // of a window, in one frame
constexpr int64_t kHeads = 2;
constexpr int64_t kWidth = 6;

struct Inputs {
  at::Tensor own;
  at::Tensor others;
  at::Tensor bias;
  at::Tensor mask;
};

Inputs Noise(int64_t own_frames, int64_t other_frames) {
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(7);
  const auto noise = [&](at::IntArrayRef sizes) {
    return at::randn(sizes, generator, at::kDouble);
  };
  Inputs inputs;
  inputs.own = noise({own_frames, kWindows, kTokens, 3 * kWidth});
  if (other_frames > 0) inputs.others = noise({other_frames, kWindows, kTokens, 2 * kWidth});
  inputs.bias = noise({kHeads, own_frames * kTokens, (own_frames + other_frames) * kTokens});
  inputs.mask = noise({kWindows, kTokens, kTokens}).gt(1).to(at::kDouble) * -100;
  return inputs;
}

at::Tensor Attended(const Inputs& inputs, const AttentionRule& rule) {
  return Attend(inputs.own, inputs.others, inputs.bias, inputs.mask, rule);
}

// The definition of each kind, for one query.
std::vector<double> Weights(std::vector<double> scores, AttentionWeights kind) {
  double sum = 0;
  for (double& s : scores) {
    if (kind == AttentionWeights::kRelu2) {
      s = s > 0 ? s * s : 0;
    } else {
      s = s > 0 || kind == AttentionWeights::kSoftmax ? std::exp(s) : 0;
    }
    sum += s;
  }
  if (kind == AttentionWeights::kRelu2 || sum == 0) return scores;
  for (double& s : scores) s /= sum;
  return scores;
}

// A vector of one head at one token: part 0 of `parts` is a query, and so on.
std::vector<double> Vector(const at::Tensor& tokens, int64_t frame, int64_t window, int64_t token,
                           int64_t part, int64_t head) {
  const int64_t width = kWidth / kHeads;
  const at::Tensor all = tokens[frame][window][token];
  std::vector<double> vector;
  for (int64_t i = 0; i < width; ++i) {
    vector.push_back(all[part * kWidth + head * width + i].item<double>());
  }
  return vector;
}

struct Key {
  std::vector<double> key;
  std::vector<double> value;
  int64_t token;
};

std::vector<Key> Keys(const Inputs& inputs, int64_t window, int64_t head) {
  std::vector<Key> keys;
  const auto add = [&](const at::Tensor& tokens, int64_t first_part) {
    for (int64_t frame = 0; tokens.defined() && frame < tokens.size(0); ++frame) {
      for (int64_t token = 0; token < kTokens; ++token) {
        keys.push_back({Vector(tokens, frame, window, token, first_part, head),
                        Vector(tokens, frame, window, token, first_part + 1, head), token});
      }
    }
  };
  add(inputs.others, 0);
  add(inputs.own, 1);
  return keys;
}

at::Tensor SlowlyAttended(const Inputs& inputs, const AttentionRule& rule) {
  const int64_t width = kWidth / kHeads;
  at::Tensor output = at::zeros({inputs.own.size(0), kWindows, kTokens, kWidth}, at::kDouble);
  for (int64_t window = 0; window < kWindows; ++window) {
    for (int64_t head = 0; head < kHeads; ++head) {
      const std::vector<Key> keys = Keys(inputs, window, head);
      for (int64_t query = 0; query < inputs.bias.size(1); ++query) {
        const int64_t frame = query / kTokens;
        const int64_t token = query % kTokens;
        const std::vector<double> q = Vector(inputs.own, frame, window, token, 0, head);
        std::vector<double> scores;
        for (size_t j = 0; j < keys.size(); ++j) {
          double product = 0;
          for (size_t i = 0; i < q.size(); ++i) product += q[i] * keys[j].key[i];
          double score = rule.score_scale * product +
                         inputs.bias[head][query][static_cast<int64_t>(j)].item<double>();
          if (inputs.mask.defined()) {
            score += inputs.mask[window][token][keys[j].token].item<double>();
          }
          scores.push_back(score);
        }
        const std::vector<double> weights = Weights(scores, rule.weights);
        for (size_t j = 0; j < keys.size(); ++j) {
          for (int64_t i = 0; i < width; ++i) {
            output[frame][window][token][head * width + i] +=
                rule.output_scale * weights[j] * keys[j].value[static_cast<size_t>(i)];
          }
        }
      }
    }
  }
  return output;
}

class AttendTest : public testing::TestWithParam<AttentionWeights> {
 protected:
  AttentionRule Rule() const {
    return {.weights = GetParam(), .score_scale = 0.7, .output_scale = 0.5};
  }
};

TEST_P(AttendTest, EqualsASlowLoopOverQueriesAndKeys) {
  for (const auto& [own, others] : {std::pair{1, 2}, std::pair{3, 0}}) {
    SCOPED_TRACE(testing::Message() << own << " own frames, " << others << " others");
    Inputs inputs = Noise(own, others);
    const auto distance = [&] {
      return (Attended(inputs, Rule()) - SlowlyAttended(inputs, Rule())).abs().max().item<double>();
    };
    EXPECT_LT(distance(), 1e-12);
    inputs.mask.reset();
    EXPECT_LT(distance(), 1e-12);
  }
}

TEST_P(AttendTest, HasTheGradientOfItsValue) {
  constexpr int64_t kStride = 5;  // elements; all would take long
  for (const auto& [own, others] : {std::pair{1, 2}, std::pair{2, 0}}) {
    SCOPED_TRACE(testing::Message() << own << " own frames, " << others << " others");
    Inputs inputs = Noise(own, others);
    inputs.own.requires_grad_();
    inputs.bias.requires_grad_();
    const at::Tensor weight = at::randn_like(Attended(inputs, Rule()));
    const auto loss = [&] { return (Attended(inputs, Rule()) * weight).sum(); };
    ExpectGradient(loss, inputs.own, kStride);
    ExpectGradient(loss, inputs.bias, kStride);
    if (others > 0) ExpectGradient(loss, inputs.others.requires_grad_(), kStride);
  }
}

// Some thousand windows are more than one piece of work.
TEST_P(AttendTest, DoesNotDependOnHowManyWindowsThereAre) {
  const int64_t many = 3000;
  Inputs inputs = Noise(1, 2);
  inputs.mask.reset();
  const auto repeated = [&](const at::Tensor& tokens) {
    return tokens.narrow(1, 0, 1).repeat({1, many, 1, 1}).requires_grad_();
  };
  Inputs all{repeated(inputs.own), repeated(inputs.others), inputs.bias, {}};
  const at::Tensor output = Attended(all, Rule());
  EXPECT_TRUE(at::equal(output, output.narrow(1, 0, 1).expand_as(output)));
  output.sum().backward();
  for (const at::Tensor& gradient : {all.own.grad(), all.others.grad()}) {
    EXPECT_TRUE(at::equal(gradient, gradient.narrow(1, 0, 1).expand_as(gradient)));
  }
}

TEST_P(AttendTest, ComputesInFp32WhateverTheTokens) {
  Inputs inputs = Noise(1, 2);
  const auto rounded = [](const at::Tensor& tensor) { return tensor.to(at::kBFloat16); };
  const Inputs coarse{rounded(inputs.own), rounded(inputs.others), inputs.bias.to(at::kFloat),
                      inputs.mask.to(at::kFloat)};
  const Inputs fine{coarse.own.to(at::kFloat), coarse.others.to(at::kFloat), coarse.bias,
                    coarse.mask};
  const at::Tensor output = Attended(coarse, Rule());
  EXPECT_EQ(output.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(at::equal(output, rounded(Attended(fine, Rule()))));
}

TEST_P(AttendTest, RefusesShapesThatDoNotFit) {
  const Inputs good = Noise(1, 2);
  const auto refused = [&](const auto& spoil) {
    Inputs inputs = good;
    spoil(inputs);
    EXPECT_THROW(Attended(inputs, Rule()), c10::Error);
  };
  refused([](Inputs& i) { i.own = i.own.narrow(3, 0, kWidth + 1); });
  refused([](Inputs& i) { i.others.reset(); });
  refused([](Inputs& i) { i.others = i.others.narrow(1, 0, 1); });
  refused([](Inputs& i) { i.bias = i.bias.narrow(2, 0, 1); });
  refused([](Inputs& i) { i.mask = i.mask.narrow(0, 0, 1); });
}

INSTANTIATE_TEST_SUITE_P(All, AttendTest,
                         testing::Values(AttentionWeights::kSoftmax,
                                         AttentionWeights::kSoftmaxPositive,
                                         AttentionWeights::kRelu2));

TEST(Attend, AQueryWithoutAPositiveScoreGetsNothing) {
  Inputs inputs = Noise(1, 2);
  inputs.bias.fill_(-1000);
  inputs.own.requires_grad_();
  for (const AttentionWeights kind :
       {AttentionWeights::kSoftmaxPositive, AttentionWeights::kRelu2}) {
    const at::Tensor output = Attended(inputs, {.weights = kind});
    EXPECT_EQ(output.abs().max().item<double>(), 0);
    EXPECT_EQ(torch::autograd::grad({output.sum()}, {inputs.own})[0].abs().max().item<double>(), 0);
  }
}

}  // namespace
}  // namespace lrti::nn
