#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "train/checkpoint/pth.h"
#include "train/checkpoint/safetensors.h"

namespace lrti::checkpoint {

/// A network's weights by our names.
struct Weights {
  NamedTensors tensors;
  std::string origin;  // what they are, for a person: "averaged weights", "params_ema"
};

/// Reads weights of any form: a checkpoint folder of ours, a .safetensors file, a .pth file of
/// BasicSR or mmagic (formats::OurNames). Files are known by their content.
///
/// A checkpoint's averages hold parameters only, so its buffers come from the raw weights.
/// Errors: as ReadCheckpoint, ReadSafetensors, ReadPth and OurNames, with the path.
absl::StatusOr<Weights> ReadWeights(const std::string& path, Which which);

}  // namespace lrti::checkpoint
