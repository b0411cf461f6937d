#include "train/checkpoint/load.h"

#include <torch/nn/module.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace lrti::checkpoint {
namespace {

using Names = std::vector<std::string>;

constexpr size_t kListed = 10;

// "; what: a, b, ... and 3 more", or nothing.
std::string Listed(const std::string& what, const Names& names) {
  if (names.empty()) return "";
  const size_t listed = std::min(names.size(), kListed);
  std::string text = fmt::format("; {}: ", what);
  text += absl::StrJoin(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(listed), ", ");
  if (listed < names.size()) text += fmt::format(" and {} more", names.size() - listed);
  return text;
}

std::string Shape(const at::Tensor& tensor) {
  return fmt::format("[{}]", absl::StrJoin(tensor.sizes().vec(), ", "));
}

}  // namespace

NamedTensors TensorsOf(const torch::nn::Module& module) {
  NamedTensors tensors;
  for (const auto& item : module.named_parameters()) tensors.emplace(item.key(), item.value());
  for (const auto& item : module.named_buffers()) tensors.emplace(item.key(), item.value());
  return tensors;
}

absl::Status LoadInto(torch::nn::Module& module, const NamedTensors& tensors, bool strict) {
  const NamedTensors own = TensorsOf(module);
  Names missing;
  Names unexpected;
  Names other_shape;
  Names other_kind;
  size_t matches = 0;
  for (const auto& [name, to] : own) {
    const auto from = tensors.find(name);
    if (from == tensors.end()) {
      missing.push_back(name);
    } else if (from->second.sizes() != to.sizes()) {
      other_shape.push_back(fmt::format("{} {} for {}", name, Shape(from->second), Shape(to)));
    } else if (from->second.is_floating_point() != to.is_floating_point()) {
      other_kind.push_back(fmt::format("{} {} for {}", name,
                                       c10::toString(from->second.scalar_type()),
                                       c10::toString(to.scalar_type())));
    } else {
      ++matches;
    }
  }
  for (const auto& [name, tensor] : tensors) {
    if (!own.contains(name)) unexpected.push_back(name);
  }
  const bool none = matches == 0 && !own.empty();
  const bool unfit = !other_shape.empty() || !other_kind.empty() || none;
  if (unfit || (strict && !(missing.empty() && unexpected.empty()))) {
    return InvalidArgument("the weights do not fit the network: {} of {} tensors match{}{}{}{}",
                           matches, own.size(), Listed("other shape", other_shape),
                           Listed("other dtype", other_kind), Listed("missing", missing),
                           Listed("unexpected", unexpected));
  }
  const torch::NoGradGuard no_grad;
  for (const auto& [name, to] : own) {
    if (const auto from = tensors.find(name); from != tensors.end()) to.copy_(from->second);
  }
  return absl::OkStatus();
}

}  // namespace lrti::checkpoint
