#pragma once

#include <string>

#include "absl/status/status.h"
#include "nn/models/model.h"

namespace lrti::train {

/// Copies weights into a network: from a checkpoint folder (its averaged weights where it has
/// them), a .safetensors file, or a .pth file of BasicSR (its `params_ema` where it has them) or
/// mmagic, as checkpoint::ReadWeights. Floats of any width become the network's.
/// Errors: those of reading; InvalidArgument that lists what is missing, unexpected or of another
/// shape, with the path. After an error the network is as it was.
absl::Status LoadWeights(const std::string& path, nn::Model& model);

/// Copies weights into a network's flow net alone: from a file of SPyNet's (its names begin with
/// `basic_module.`) or from the flow net of any network that LoadWeights reads. Constants that the
/// file leaves out, as the published one does, stay.
/// Errors: as LoadWeights; InvalidArgument for a network without a flow net.
absl::Status LoadFlowWeights(const std::string& path, nn::Model& model);

}  // namespace lrti::train
