#include "train/optim/optimizer.h"

#include <torch/torch.h>

#include <cmath>

#include "gtest/gtest.h"
#include "train/optim/ema.h"

namespace lrti::train {
namespace {

struct Net {
  at::Tensor weight = torch::tensor({1.0f, -2.0f}).requires_grad_();
  at::Tensor flow = torch::tensor({3.0f}).requires_grad_();

  NamedTensors named() const { return {{"conv.weight", weight}, {"spynet.weight", flow}}; }

  void SetGradients(float weight_gradient, float flow_gradient) {
    weight.mutable_grad() = torch::full({2}, weight_gradient);
    flow.mutable_grad() = torch::full({1}, flow_gradient);
  }
};

job::OptimizerConfig Config() {
  job::OptimizerConfig config;
  config.lr = 0.1;
  config.flow_lr_factor = 0.5;
  config.flow_freeze_steps = 2;
  config.schedule.type = job::ScheduleType::kConstant;
  return config;
}

TEST(Optimizer, FirstAdamStepMovesEveryWeightByTheRate) {
  Net net;
  Optimizer optimizer(Config(), 100, net.named(), "spynet.");
  net.SetGradients(0.3f, -7.0f);

  optimizer.Step(/*step=*/5);

  EXPECT_NEAR(net.weight[0].item<double>(), 1 - 0.1, 1e-6);
  EXPECT_NEAR(net.weight[1].item<double>(), -2 - 0.1, 1e-6);
  EXPECT_NEAR(net.flow[0].item<double>(), 3 + 0.05, 1e-6);
}

TEST(Optimizer, EqualsAdamWrittenOut) {
  Net net;
  Optimizer optimizer(Config(), 100, net.named(), "spynet.");
  double weight = 1, m = 0, v = 0;
  for (int step = 0; step < 5; ++step) {
    const double gradient = 0.3 * (step - 2) + 0.05;
    net.SetGradients(static_cast<float>(gradient), 0);
    optimizer.Step(step);
    m = 0.9 * m + 0.1 * gradient;
    v = 0.99 * v + 0.01 * gradient * gradient;
    weight -= 0.1 * (m / (1 - std::pow(0.9, step + 1))) /
              (std::sqrt(v / (1 - std::pow(0.99, step + 1))) + 1e-8);
    EXPECT_NEAR(net.weight[0].item<double>(), weight, 1e-5) << step;
  }
}

TEST(Optimizer, AFrozenFlowNetNeedsNoGradientAndStays) {
  Net net;
  Optimizer optimizer(Config(), 100, net.named(), "spynet.");
  for (int64_t step = 0; step < 3; ++step) {
    optimizer.Prepare(step);
    EXPECT_EQ(net.flow.requires_grad(), step >= 2);
    net.weight.mutable_grad() = torch::ones({2});
    if (net.flow.requires_grad()) net.flow.mutable_grad() = torch::ones({1});
    optimizer.Step(step);
    EXPECT_EQ(net.flow[0].item<double>() == 3, step < 2);
  }
}

TEST(Optimizer, StaysFrozenForEverAtMinusOne) {
  Net net;
  job::OptimizerConfig config = Config();
  config.flow_freeze_steps = -1;
  EXPECT_TRUE(Optimizer(config, 100, net.named(), "spynet.").FlowFrozen(1'000'000));
}

TEST(Optimizer, GradientNormIsOverAllParameters) {
  Net net;
  Optimizer optimizer(Config(), 100, net.named(), "spynet.");
  net.SetGradients(2, 1);
  EXPECT_NEAR(optimizer.GradientNorm().item<double>(), 3, 1e-6);
}

TEST(Optimizer, RestoredStateGoesOnTheSame) {
  Net one, two;
  Optimizer first(Config(), 100, one.named(), "spynet.");
  Optimizer second(Config(), 100, two.named(), "spynet.");
  one.SetGradients(0.5f, 0.5f);
  first.Step(3);
  NamedTensors saved;
  for (const auto& [name, tensor] : first.State()) saved[name] = tensor.clone();
  ASSERT_TRUE(second.Restore(saved).ok());
  {
    const torch::NoGradGuard no_grad;
    two.weight.copy_(one.weight);
  }
  one.SetGradients(-0.2f, 0);
  two.SetGradients(-0.2f, 0);

  first.Step(4);
  second.Step(4);

  EXPECT_TRUE(one.weight.equal(two.weight));
}

TEST(Optimizer, RefusesStateOfAnotherNetwork) {
  Net net;
  Optimizer optimizer(Config(), 100, net.named(), "");
  NamedTensors state = optimizer.State();
  state.erase("conv.weight.exp_avg");
  EXPECT_FALSE(optimizer.Restore(state).ok());
}

TEST(Ema, FollowsTheWeightsAndSwapsBothWays) {
  Net net;
  Ema ema(0.75, net.named());
  {
    const torch::NoGradGuard no_grad;
    net.flow.fill_(7);
  }
  ema.Update();
  EXPECT_NEAR(ema.State().at("spynet.weight").item<double>(), 0.75 * 3 + 0.25 * 7, 1e-6);

  ema.Swap();
  EXPECT_NEAR(net.flow.item<double>(), 4, 1e-6);
  ema.Swap();
  EXPECT_NEAR(net.flow.item<double>(), 7, 1e-6);
}

}  // namespace
}  // namespace lrti::train
