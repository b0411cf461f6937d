#include "cli/ctl/sweep/job_files.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "cli/ctl/sweep/sweep.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/config/dump.h"
#include "common/config/override.h"
#include "common/config/yaml.h"
#include "common/job/paths.h"

namespace lrti::ctl {
namespace {

// Takes the block out of the file's tree, if it has one.
std::optional<config::Node> TakeSweep(config::Node& root) {
  const auto is_sweep = [](const config::Entry& entry) { return entry.key == "sweep"; };
  const auto found = std::find_if(root.entries.begin(), root.entries.end(), is_sweep);
  if (found == root.entries.end()) return std::nullopt;
  config::Node sweep = std::move(found->value);
  root.entries.erase(found);
  return sweep;
}

absl::StatusOr<job::Job> Vary(const std::string& yaml, const std::vector<std::string>& overrides,
                              const Variation& variation, const std::filesystem::path& folder) {
  std::vector<std::string> assignments = overrides;
  for (const auto& [path, value] : variation.values) assignments.push_back(path + "=" + value);
  LRTI_ASSIGN_OR_RETURN(const std::string varied, config::ApplyOverrides(yaml, assignments));
  LRTI_ASSIGN_OR_RETURN(job::Job job, job::Parse(varied));
  job.metadata.name += variation.suffix;
  for (const auto& [key, value] : variation.Labels()) job.metadata.labels[key] = value;
  job::MakePathsAbsolute(folder, job.spec);
  return job::Parse(config::Dump(job));  // the longer name is held to the rules, too
}

std::string Described(const Variation& variation) {
  std::string text;
  for (const auto& [path, value] : variation.values) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", path, value);
  }
  return text;
}

absl::StatusOr<JobFile> Expand(const std::string& path, const std::string& yaml,
                               const config::Node& sweep,
                               const std::vector<std::string>& overrides) {
  std::error_code error;
  const std::filesystem::path file = std::filesystem::absolute(path, error);
  if (error) return InvalidArgument("{}: the folder is unknown: {}", path, error.message());
  const auto variations = ExpandSweep(sweep);
  if (!variations.ok()) return InvalidArgument("{}:\n{}", path, Message(variations.status()));
  JobFile jobs{.name = "", .is_sweep = true, .jobs = {}};
  for (const Variation& variation : *variations) {
    auto job = Vary(yaml, overrides, variation, file.parent_path());
    if (!job.ok()) {
      return InvalidArgument("{}: with {}:\n{}", path, Described(variation), Message(job.status()));
    }
    jobs.name = job->metadata.name.substr(0, job->metadata.name.size() - variation.suffix.size());
    jobs.jobs.push_back(*std::move(job));
  }
  return jobs;
}

}  // namespace

absl::StatusOr<JobFile> ReadJobFile(const std::string& path,
                                    const std::vector<std::string>& overrides) {
  const absl::StatusOr<std::string> yaml = ReadFile(path, config::kTextBytesMax);
  if (!yaml.ok()) return InvalidArgument("{}", Message(yaml.status()));
  absl::StatusOr<config::Node> root = config::ParseYaml(*yaml);
  if (!root.ok()) return InvalidArgument("{}:\n{}", path, Message(root.status()));
  if (const auto sweep = TakeSweep(*root)) {
    return Expand(path, config::EmitYaml(*root), *sweep, overrides);
  }
  LRTI_ASSIGN_OR_RETURN(job::Job job, job::ParseFile(path, overrides));
  return JobFile{.name = job.metadata.name, .is_sweep = false, .jobs = {std::move(job)}};
}

}  // namespace lrti::ctl
