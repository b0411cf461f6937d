#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "train/optim/optimizer.h"

namespace lrti::train {

/// Exponential moving average of weights: average = decay * average + (1 - decay) * weight after
/// every update. Begins as a copy of the weights.
class Ema {
 public:
  Ema(double decay, const NamedTensors& parameters);

  void Update();

  /// The averages by parameter name; the tensors are the live ones.
  NamedTensors State() const;

  /// Errors: InvalidArgument for missing names or other shapes.
  absl::Status Restore(const NamedTensors& state);

  /// Puts the averages in the place of the weights, or back: called twice it changes nothing.
  void Swap();

 private:
  const double decay_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> weights_, averages_;
};

}  // namespace lrti::train
