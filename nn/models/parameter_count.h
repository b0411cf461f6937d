#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <string>

namespace lrti::nn {

/// Numbers in the parameters of a module whose names begin with `prefix`; by default in all.
inline int64_t ParameterCount(const torch::nn::Module& module, const std::string& prefix = "") {
  int64_t count = 0;
  for (const auto& parameter : module.named_parameters()) {
    if (parameter.key().starts_with(prefix)) count += parameter.value().numel();
  }
  return count;
}

}  // namespace lrti::nn
