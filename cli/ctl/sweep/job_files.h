#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/job/job.h"

namespace lrti::ctl {

/// What a file stands for.
struct JobFile {
  std::string name;            // metadata.name as it stands in the file
  bool is_sweep = false;       // then the jobs belong to one group
  std::vector<job::Job> jobs;  // one, or those of its sweep; paths are absolute
};

/// Reads a job file with `path=value` overrides applied, and expands its `sweep:` block
/// (sweep.h): each job of it has a number behind its name and its values as labels.
/// Errors: InvalidArgument, also for a file that cannot be read; as job::ParseFile and ExpandSweep.
absl::StatusOr<JobFile> ReadJobFile(const std::string& path,
                                    const std::vector<std::string>& overrides);

}  // namespace lrti::ctl
