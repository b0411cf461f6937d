#include "train/checkpoint/weights.h"

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "train/checkpoint/checkpoint.h"
#include "train/formats/naming.h"

namespace lrti::checkpoint {
namespace {

absl::StatusOr<Weights> ReadFolder(const std::string& path, Which which) {
  LRTI_ASSIGN_OR_RETURN(Snapshot snapshot, ReadCheckpoint(path));
  Weights weights{.tensors = std::move(snapshot.groups["model"]), .origin = "raw weights"};
  if (weights.tensors.empty()) return DataLoss("{}: holds no weights", path);
  const NamedTensors& averages = snapshot.groups["ema"];
  if (which == Which::kRaw || averages.empty()) return weights;
  for (const auto& [name, average] : averages) weights.tensors[name] = average;
  weights.origin = "averaged weights";
  return weights;
}

absl::StatusOr<NamedTensors> Renamed(const NamedTensors& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  LRTI_ASSIGN_OR_RETURN(const auto ours, formats::OurNames(names));
  NamedTensors renamed;
  for (const auto& [name, our_name] : ours) renamed.emplace(our_name, tensors.at(name));
  return renamed;
}

absl::StatusOr<Weights> ReadFile(const std::string& path, Which which) {
  LRTI_ASSIGN_OR_RETURN(const bool pth, LooksLikePth(path));
  Weights weights;
  if (pth || path.ends_with(".pth")) {
    LRTI_ASSIGN_OR_RETURN(Pth file, ReadPth(path, which));
    weights = {.tensors = std::move(file.tensors), .origin = std::move(file.group)};
  } else {
    LRTI_ASSIGN_OR_RETURN(Safetensors file, ReadSafetensors(path));
    weights.tensors = std::move(file.tensors);
  }
  if (weights.origin.empty()) weights.origin = "all tensors";
  absl::StatusOr<NamedTensors> renamed = Renamed(weights.tensors);
  if (!renamed.ok()) return Prefixed(renamed.status(), path);
  weights.tensors = *std::move(renamed);
  return weights;
}

}  // namespace

absl::StatusOr<Weights> ReadWeights(const std::string& path, Which which) {
  std::error_code ignored;  // reading tells what is wrong with the path
  return std::filesystem::is_directory(path, ignored) ? ReadFolder(path, which)
                                                      : ReadFile(path, which);
}

}  // namespace lrti::checkpoint
