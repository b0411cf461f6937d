#include "train/optim/optimizer.h"

#include <torch/torch.h>

#include "common/base/status.h"
#include "train/optim/schedule.h"

namespace lrti::train {

Optimizer::Optimizer(const job::OptimizerConfig& config, int64_t iterations,
                     const NamedTensors& parameters, const std::string& flow_prefix)
    : config_(config), iterations_(iterations) {
  main_.rate = config.lr;
  flow_.rate = config.lr * config.flow_lr_factor;
  for (const auto& [name, parameter] : parameters) {
    const bool is_flow = !flow_prefix.empty() && name.starts_with(flow_prefix);
    Group& group = is_flow ? flow_ : main_;
    group.names.push_back(name);
    group.first_moments.push_back(torch::zeros_like(parameter));
    group.second_moments.push_back(torch::zeros_like(parameter));
    group.steps.push_back(torch::zeros({}, parameter.options().dtype(torch::kFloat32)));
    group.parameters.push_back(parameter);
  }
}

bool Optimizer::FlowFrozen(int64_t step) const {
  return config_.flow_freeze_steps < 0 || step < config_.flow_freeze_steps;
}

void Optimizer::Prepare(int64_t step) {
  const bool trains = !FlowFrozen(step);
  for (at::Tensor& parameter : flow_.parameters) parameter.set_requires_grad(trains);
}

double Optimizer::Rate(int64_t step) const {
  return LearningRate(config_.schedule, main_.rate, step, iterations_);
}

at::Tensor Optimizer::GradientNorm() const {
  std::vector<at::Tensor> gradients;
  for (const Group* group : {&main_, &flow_}) {
    for (const at::Tensor& parameter : group->parameters) {
      if (parameter.grad().defined()) gradients.push_back(parameter.grad());
    }
  }
  if (gradients.empty()) return torch::zeros({});
  return at::stack(at::_foreach_norm(gradients, 2)).norm();
}

void Optimizer::Step(int64_t step) {
  Update(main_, step);
  if (!FlowFrozen(step)) Update(flow_, step);
}

void Optimizer::Update(Group& group, int64_t step) {
  const torch::NoGradGuard no_grad;
  std::vector<at::Tensor> parameters, gradients, first, second, steps;
  for (size_t i = 0; i < group.parameters.size(); ++i) {
    const at::Tensor& gradient = group.parameters[i].grad();
    if (!gradient.defined()) continue;
    parameters.push_back(group.parameters[i]);
    gradients.push_back(gradient);
    first.push_back(group.first_moments[i]);
    second.push_back(group.second_moments[i]);
    steps.push_back(group.steps[i]);
  }
  if (parameters.empty()) return;
  at::_foreach_add_(steps, 1);
  at::_fused_adam_(parameters, gradients, first, second, /*max_exp_avg_sqs=*/{}, steps,
                   LearningRate(config_.schedule, group.rate, step, iterations_), config_.betas[0],
                   config_.betas[1], config_.weight_decay, config_.epsilon, /*amsgrad=*/false,
                   /*maximize=*/false);
}

void Optimizer::ZeroGradients() {
  for (Group* group : {&main_, &flow_}) {
    for (at::Tensor& parameter : group->parameters) parameter.mutable_grad().reset();
  }
}

NamedTensors Optimizer::State() const {
  NamedTensors state;
  for (const Group* group : {&main_, &flow_}) {
    for (size_t i = 0; i < group->names.size(); ++i) {
      state[group->names[i] + ".exp_avg"] = group->first_moments[i];
      state[group->names[i] + ".exp_avg_sq"] = group->second_moments[i];
      state[group->names[i] + ".step"] = group->steps[i];
    }
  }
  return state;
}

absl::Status Optimizer::Restore(const NamedTensors& state) {
  const torch::NoGradGuard no_grad;
  for (auto& [name, live] : State()) {
    const auto it = state.find(name);
    if (it == state.end()) return InvalidArgument("optimizer state: '{}' is missing", name);
    if (it->second.sizes() != live.sizes()) {
      return InvalidArgument("optimizer state: '{}' has another shape than the network", name);
    }
    at::Tensor target = live;
    target.copy_(it->second);
  }
  return absl::OkStatus();
}

}  // namespace lrti::train
