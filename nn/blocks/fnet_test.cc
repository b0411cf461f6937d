#include "nn/blocks/fnet.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

namespace lrti::nn {
namespace {

int64_t Elements(const torch::nn::Module& module) {
  int64_t elements = 0;
  for (const at::Tensor& parameter : module.parameters()) elements += parameter.numel();
  return elements;
}

TEST(Fnet, HasThePublishedNumberOfParameters) { EXPECT_EQ(Elements(Fnet()), 1745506); }

TEST(Fnet, MirrorsFlowBeyondTheLastMultipleOfEight) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(2);
  Fnet fnet;
  const at::Tensor reference = at::rand({2, 3, 19, 24});
  const at::Tensor support = at::rand({2, 3, 19, 24});
  const at::Tensor flow = fnet.Forward(reference, support);
  ASSERT_EQ(flow.sizes(), at::IntArrayRef({2, 2, 19, 24}));
  for (int64_t beyond = 0; beyond < 3; ++beyond) {
    EXPECT_TRUE(at::equal(flow.select(2, 16 + beyond), flow.select(2, 14 - beyond)));
  }
}

TEST(Fnet, BoundsItsFlow) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(2);
  Fnet fnet;
  fnet.named_parameters()["flow.2.weight"].mul_(1e4);
  const at::Tensor flow = fnet.Forward(at::rand({1, 3, 16, 16}), at::rand({1, 3, 16, 16}));
  EXPECT_LE(flow.abs().max().item<float>(), 24);
  EXPECT_GT(flow.abs().max().item<float>(), 20);
}

TEST(Fnet, RefusesWhatDoesNotFit) {
  Fnet fnet;
  EXPECT_THROW(fnet.Forward(at::rand({1, 3, 16, 16}), at::rand({1, 3, 16, 8})), c10::Error);
  EXPECT_THROW(fnet.Forward(at::rand({1, 3, 7, 16}), at::rand({1, 3, 7, 16})), c10::Error);
}

}  // namespace
}  // namespace lrti::nn
