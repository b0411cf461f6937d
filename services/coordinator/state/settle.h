#pragma once

#include "services/coordinator/state/book.h"
#include "services/coordinator/state/live.h"
#include "services/coordinator/state/rules.h"
#include "services/coordinator/state/update.h"

namespace lrti::coordinator {

/// The next steps of a job that holds GPUs, from what is known of its attempt: it has started, it
/// runs, a rank failed, it took too long, its agent is lost or draining, it is over. No update when
/// nothing changes: asking again is harmless.
Updates Settle(const Book& book, const Live& live, const Rules& rules, const JobRecord& job,
               Moment now);

}  // namespace lrti::coordinator
