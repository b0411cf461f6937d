#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/job/model.h"
#include "common/job/train.h"

namespace CLI {
class App;
}

namespace lrti::vsr {

/// How a command line names a network: by a checkpoint of ours, which knows it, or by its type.
struct NetworkFlags {
  std::string config, model, checkpoint;
  std::vector<std::string> overrides;
};

struct Network {
  job::ModelConfig config;
  job::Precision precision = job::Precision::kFp32;  // of the job that it stands in
};

/// Adds --model and --set, and writes what they mean into `flags`.
void AddNetworkFlags(CLI::App& command, NetworkFlags& flags);

/// The network of the job `config`, else of the type `model`, else of the checkpoint folder, with
/// the overrides applied; `key=value` is short for `spec.model.key=value`.
/// Errors: InvalidArgument where none or more than one says which network, for a checkpoint file
/// alone, for a folder that is no checkpoint; those of job::ParseFile.
absl::StatusOr<Network> FindNetwork(const NetworkFlags& flags);

/// "basicvsr": its `type` in a job.
std::string TypeOf(const job::ModelConfig& config);

}  // namespace lrti::vsr
