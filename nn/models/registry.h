#pragma once

#include <string>
#include <vector>

#include "common/job/model.h"

namespace lrti::nn {

/// A network that a config can name, in a size that a test runs in no time.
struct RegisteredModel {
  std::string name;
  job::ModelConfig small;
  std::vector<std::string> idle = {};  // parameters that published files have and no output uses
};

/// Every network, each in the variants that behave differently. The contract test runs over them.
std::vector<RegisteredModel> RegisteredModels();

}  // namespace lrti::nn
