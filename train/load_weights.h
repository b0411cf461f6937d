#pragma once

#include <string>

#include "absl/status/status.h"
#include "nn/models/model.h"

namespace lrti::train {

/// Copies weights into a network: from a checkpoint folder (its averaged weights where it has them)
/// or from a .safetensors file.
/// Errors: those of reading; InvalidArgument that lists what is missing, unexpected or of another
/// shape, with the path.
absl::Status LoadWeights(const std::string& path, nn::Model& model);

}  // namespace lrti::train
