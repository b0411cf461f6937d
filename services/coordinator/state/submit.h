#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "services/coordinator/state/book.h"
#include "services/coordinator/state/rules.h"
#include "services/coordinator/state/update.h"

namespace lrti::coordinator {

/// Takes a job: PENDING, under the id `job`. Nothing to do when its request id is known already
/// with the same config; `*job_known` is then that job's id.
/// Errors: AlreadyExists for a request id that came with another config; ResourceExhausted when as
/// many jobs wait as may; InvalidArgument for a queue that does not exist; Aborted when the id
/// `job` is taken (choose another).
struct Submitted {
  Updates updates;
  std::string job;
};
absl::StatusOr<Submitted> Submit(const Book& book, const Rules& rules, Submission submission,
                                 const std::string& job);

}  // namespace lrti::coordinator
