#include "cli/vsr/network.h"

#include <filesystem>
#include <variant>

#include "CLI/CLI.hpp"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/config/override.h"
#include "common/job/job.h"
#include "train/checkpoint/manifest.h"

namespace lrti::vsr {
namespace {

constexpr const char* kModelPath = "spec.model.";

// The smallest job that has a network: what is checked of a network in a job is checked here, too.
constexpr const char* kEmptyJob =
    "apiVersion: lrti/v1\n"
    "kind: TrainingJob\n"
    "metadata: {name: network}\n"
    "spec: {model: {}, data: {train: {path: ., crop: 0}}}\n";

std::vector<std::string> FullPaths(const std::vector<std::string>& overrides) {
  std::vector<std::string> full;
  for (const std::string& assignment : overrides) {
    const bool is_full = assignment.starts_with("spec.") || assignment.starts_with("metadata.");
    full.push_back(is_full ? assignment : kModelPath + assignment);
  }
  return full;
}

absl::StatusOr<job::Job> JobOfType(const std::string& type,
                                   const std::vector<std::string>& overrides) {
  std::vector<std::string> assignments = {std::string(kModelPath) + "type=" + type};
  for (const std::string& assignment : FullPaths(overrides)) {
    if (!assignment.starts_with(kModelPath)) {
      return InvalidArgument("--set {}: with --model only the network's own fields can be set",
                             assignment);
    }
    assignments.push_back(assignment);
  }
  LRTI_ASSIGN_OR_RETURN(const std::string yaml, config::ApplyOverrides(kEmptyJob, assignments));
  return job::Parse(yaml);
}

absl::StatusOr<job::Job> JobOfCheckpoint(const std::string& path,
                                         const std::vector<std::string>& overrides) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    if (!std::filesystem::exists(path, error)) {
      return Error(absl::StatusCode::kNotFound, "{}: no such file or folder", path);
    }
    return InvalidArgument(
        "{}: a file does not say which network its weights are of; name it: "
        "--model TYPE [--set key=value ...]",
        path);
  }
  if (!std::filesystem::exists(JoinPath(path, checkpoint::kManifestName), error)) {
    return InvalidArgument(
        "{}: no checkpoint ({} is missing); name a folder such as "
        "runs/NAME/checkpoints/step-00001000",
        path, checkpoint::kManifestName);
  }
  return job::ParseFile(JoinPath(path, checkpoint::kConfigName), FullPaths(overrides));
}

absl::StatusOr<job::Job> FindJob(const NetworkFlags& flags) {
  if (!flags.config.empty() && !flags.model.empty()) {
    return InvalidArgument("--model {}: the job {} names the network; leave one of them out",
                           flags.model, flags.config);
  }
  if (!flags.config.empty()) return job::ParseFile(flags.config, FullPaths(flags.overrides));
  if (!flags.model.empty()) return JobOfType(flags.model, flags.overrides);
  if (!flags.checkpoint.empty()) return JobOfCheckpoint(flags.checkpoint, flags.overrides);
  return InvalidArgument("which network? Name a job, --model TYPE or --checkpoint FOLDER");
}

}  // namespace

void AddNetworkFlags(CLI::App& command, NetworkFlags& flags) {
  command.add_option("--model", flags.model,
                     "Type of the network (spec.model.type); for weights that do not know it");
  command.add_option("--set", flags.overrides,
                     "Change a field of the network: depths=[6], or spec.model.depths=[6] (may be "
                     "repeated)");
}

absl::StatusOr<Network> FindNetwork(const NetworkFlags& flags) {
  LRTI_ASSIGN_OR_RETURN(const job::Job job, FindJob(flags));
  return Network{job.spec.model, job.spec.train.precision};
}

std::string TypeOf(const job::ModelConfig& config) {
  return std::visit([](const auto& options) { return std::string(options.kType); }, config);
}

}  // namespace lrti::vsr
