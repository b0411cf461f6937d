#include "train/load_weights.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "common/base/status.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/load.h"

namespace lrti::train {
namespace {

/// The weights in a file or folder; a checkpoint's averages hold parameters only, so its buffers
/// come from the raw weights.
absl::StatusOr<checkpoint::NamedTensors> ReadWeights(const std::string& path) {
  std::error_code ignored;  // reading tells what is wrong with the path
  if (!std::filesystem::is_directory(path, ignored)) {
    LRTI_ASSIGN_OR_RETURN(checkpoint::Safetensors file, checkpoint::ReadSafetensors(path));
    return std::move(file.tensors);
  }
  LRTI_ASSIGN_OR_RETURN(checkpoint::Snapshot snapshot, checkpoint::ReadCheckpoint(path));
  checkpoint::NamedTensors weights = std::move(snapshot.groups["model"]);
  for (auto& [name, average] : snapshot.groups["ema"]) weights[name] = average;
  return weights;
}

}  // namespace

absl::Status LoadWeights(const std::string& path, nn::Model& model) {
  LRTI_ASSIGN_OR_RETURN(const checkpoint::NamedTensors weights, ReadWeights(path));
  const absl::Status status = checkpoint::LoadInto(model, weights, /*strict=*/true);
  return status.ok() ? status : Prefixed(status, path);
}

}  // namespace lrti::train
