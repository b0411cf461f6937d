#include "train/optim/ema.h"

#include <torch/torch.h>

#include "common/base/status.h"

namespace lrti::train {

Ema::Ema(double decay, const NamedTensors& parameters) : decay_(decay) {
  for (const auto& [name, weight] : parameters) {
    names_.push_back(name);
    averages_.push_back(weight.detach().clone());
    weights_.push_back(weight.detach());
  }
}

void Ema::Update() {
  const torch::NoGradGuard no_grad;
  at::_foreach_lerp_(averages_, weights_, 1 - decay_);
}

NamedTensors Ema::State() const {
  NamedTensors state;
  for (size_t i = 0; i < names_.size(); ++i) state[names_[i]] = averages_[i];
  return state;
}

absl::Status Ema::Restore(const NamedTensors& state) {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < names_.size(); ++i) {
    const auto it = state.find(names_[i]);
    if (it == state.end()) return InvalidArgument("ema weights: '{}' is missing", names_[i]);
    if (it->second.sizes() != averages_[i].sizes()) {
      return InvalidArgument("ema weights: '{}' has another shape than the network", names_[i]);
    }
    averages_[i].copy_(it->second);
  }
  return absl::OkStatus();
}

void Ema::Swap() {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < weights_.size(); ++i) {
    const at::Tensor weight = weights_[i].clone();
    weights_[i].copy_(averages_[i]);
    averages_[i].copy_(weight);
  }
}

}  // namespace lrti::train
