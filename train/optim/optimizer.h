#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/job/train.h"

namespace lrti::train {

/// Tensors by name.
using NamedTensors = std::map<std::string, at::Tensor>;

/// Adam over two groups, the flow net and the rest, each updated by one fused call:
///
///     m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2
///     p = p - lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
///
/// Weight decay adds decay * p to g. While frozen, parameters of the flow net need no gradient and
/// neither they nor their t move.
/// Source  Kingma and Ba, ICLR 2015.
class Optimizer {
 public:
  /// `parameters` with their names; those whose name begins with `flow_prefix` (where not empty)
  /// form the flow group.
  Optimizer(const job::OptimizerConfig& config, int64_t iterations, const NamedTensors& parameters,
            const std::string& flow_prefix);

  /// Whether update number `step` leaves the flow net as it is.
  bool FlowFrozen(int64_t step) const;

  /// Switches gradients of the flow net on or off for update number `step`.
  void Prepare(int64_t step);

  /// The learning rate of the main group at update number `step`.
  double Rate(int64_t step) const;

  /// Euclidean norm of all gradients, a 0-dim tensor on their device.
  at::Tensor GradientNorm() const;

  /// Update number `step` from the gradients. Parameters without one stay as they are.
  void Step(int64_t step);

  void ZeroGradients();

  /// Moments and counters by parameter name, to be saved; the tensors are the live ones.
  NamedTensors State() const;

  /// Restores what State gave. Errors: InvalidArgument for missing names or other shapes.
  absl::Status Restore(const NamedTensors& state);

 private:
  struct Group {
    std::vector<std::string> names;
    std::vector<at::Tensor> parameters, first_moments, second_moments, steps;
    double rate = 0;
  };

  void Update(Group& group, int64_t step);

  const job::OptimizerConfig config_;
  const int64_t iterations_;
  Group main_, flow_;
};

}  // namespace lrti::train
