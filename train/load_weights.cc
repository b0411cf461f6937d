#include "train/load_weights.h"

#include <memory>
#include <utility>

#include "common/base/status.h"
#include "train/checkpoint/load.h"
#include "train/checkpoint/weights.h"
#include "train/formats/naming.h"

namespace lrti::train {
namespace {

using checkpoint::NamedTensors;

absl::StatusOr<NamedTensors> Read(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(checkpoint::Weights weights,
                        checkpoint::ReadWeights(path, checkpoint::Which::kAveraged));
  return std::move(weights.tensors);
}

absl::Status Load(const std::string& path, const NamedTensors& tensors, torch::nn::Module& module) {
  const absl::Status status = checkpoint::LoadInto(module, tensors, /*strict=*/true);
  return status.ok() ? status : Prefixed(status, path);
}

// What of a file is the flow net's, without the prefix. Where nothing has the prefix, the file is
// the flow net's alone.
NamedTensors FlowPart(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors part;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) part.emplace(name.substr(prefix.size()), tensor);
  }
  return part.empty() ? tensors : part;
}

// The module whose parameters begin with `prefix`, which ends with a dot.
std::shared_ptr<torch::nn::Module> ModuleAt(const nn::Model& model, const std::string& prefix) {
  const auto modules = model.named_modules(/*name_prefix=*/"", /*include_self=*/false);
  return modules[prefix.substr(0, prefix.size() - 1)];
}

}  // namespace

absl::Status LoadWeights(const std::string& path, nn::Model& model) {
  LRTI_ASSIGN_OR_RETURN(NamedTensors tensors, Read(path));
  const NamedTensors own = checkpoint::TensorsOf(model);
  std::erase_if(tensors, [&](const auto& item) {
    return formats::IsComputed(item.first) && !own.contains(item.first);
  });
  return Load(path, tensors, model);
}

absl::Status LoadFlowWeights(const std::string& path, nn::Model& model) {
  const std::string prefix = model.FlowPrefix();
  if (prefix.empty()) {
    return InvalidArgument("{}: the network has no flow net that could take its weights", path);
  }
  LRTI_ASSIGN_OR_RETURN(const NamedTensors tensors, Read(path));
  NamedTensors part = FlowPart(tensors, prefix);
  const std::shared_ptr<torch::nn::Module> flow_net = ModuleAt(model, prefix);
  for (const auto& constant : flow_net->named_buffers()) {
    part.emplace(constant.key(), constant.value());
  }
  return Load(path, part, *flow_net);
}

}  // namespace lrti::train
