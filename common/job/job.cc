#include "common/job/job.h"

#include <filesystem>

#include "common/base/files.h"
#include "common/config/load.h"
#include "common/config/override.h"
#include "common/job/check.h"
#include "common/job/paths.h"

namespace lrti::job {
namespace {

absl::StatusOr<Job> FromTree(const config::Node& root) {
  config::Findings findings;
  Job job = config::Load<Job>(root, findings);
  CheckTogether(job, root, findings);
  LRTI_RETURN_IF_ERROR(findings.ToStatus());
  return job;
}

absl::StatusOr<Job> FromText(const std::string& yaml, const std::vector<std::string>& overrides) {
  LRTI_ASSIGN_OR_RETURN(config::Node root, config::ParseYaml(yaml));
  for (const std::string& assignment : overrides) {
    LRTI_RETURN_IF_ERROR(config::Override(assignment, root));
  }
  return FromTree(root);
}

}  // namespace

absl::StatusOr<Job> Parse(const std::string& yaml) { return FromText(yaml, {}); }

absl::StatusOr<Job> ParseFile(const std::string& path, const std::vector<std::string>& overrides) {
  LRTI_ASSIGN_OR_RETURN(const std::string yaml, ReadFile(path, config::kTextBytesMax));
  absl::StatusOr<Job> job = FromText(yaml, overrides);
  if (!job.ok()) return InvalidArgument("{}:\n{}", path, Message(job.status()));
  std::error_code error;
  const std::filesystem::path file = std::filesystem::absolute(path, error);
  if (error) return InvalidArgument("{}: the folder is unknown: {}", path, error.message());
  MakePathsAbsolute(file.parent_path(), job->spec);
  return job;
}

}  // namespace lrti::job
