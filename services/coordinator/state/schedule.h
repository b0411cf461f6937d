#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/lifecycle/pending_reason.h"
#include "services/coordinator/state/book.h"
#include "services/coordinator/state/live.h"
#include "services/coordinator/state/rules.h"
#include "services/coordinator/state/update.h"

namespace lrti::coordinator {

struct Plan {
  Updates updates;  // attempts that start, jobs that make room
  std::vector<std::pair<std::string, lifecycle::PendingReason>> waiting;  // all others in PENDING
};

/// One cycle of the scheduler: gangs are placed whole or not at all; higher priority first, then
/// who came first; as many ranks as fit, on one model of GPU, on the fewest agents. The first job
/// that does not fit reserves what it needs, so that no later one delays it; and jobs of lower
/// priority save and make room for it, if that is enough. GPUs that nobody waits for go to a job
/// that runs with fewer ranks than it asks for, by a restart.
Plan Schedule(const Book& book, const Live& live, const Rules& rules, Moment now);

}  // namespace lrti::coordinator
