#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/ctl/commands/session.h"

namespace lrti::ctl {

/// Waits until each job has ended, at most so long in all; says on stderr how they ended. Gives the
/// exit code: of the first job in order that did not succeed, else 0.
/// Errors: Cancelled when the interrupt was asked; Unavailable when the coordinator was away for
/// ten minutes on end, or at the end of that time.
absl::StatusOr<int> WaitForJobs(Session& session, const std::vector<std::string>& jobs,
                                absl::Duration longest);

}  // namespace lrti::ctl
