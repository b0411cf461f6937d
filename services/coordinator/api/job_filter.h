#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "services/coordinator/access/access.h"
#include "services/coordinator/state/job_record.h"

namespace lrti::v1 {
class ListJobsRequest;
}

namespace lrti::coordinator {

/// Which jobs a list shows, and where its page begins.
class JobFilter {
 public:
  /// Errors: InvalidArgument for a state or a page token that does not exist.
  static absl::StatusOr<JobFilter> Of(const v1::ListJobsRequest& request, const Caller& caller);

  /// The caller may see it, and it is what was asked for.
  bool Matches(const JobRecord& job) const;

  /// Jobs submitted before this seq.
  uint64_t before() const { return before_; }

 private:
  std::set<JobState> states_;
  std::string project_, queue_, user_, group_;
  std::map<std::string, std::string> labels_;
  Caller caller_;
  uint64_t before_ = 0;
};

}  // namespace lrti::coordinator
