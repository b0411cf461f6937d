#pragma once

#include "absl/status/statusor.h"
#include "services/coordinator/state/book.h"
#include "services/coordinator/state/live.h"
#include "services/coordinator/state/rules.h"
#include "services/coordinator/state/update.h"

namespace lrti::coordinator {

/// Takes what an agent says into `live`: its lease, its devices, the ranks that were placed there.
/// Whatever it says of jobs, attempts or ranks that it was not given is ignored.
/// Errors: as CheckReport; Aborted for an incarnation that a newer one has replaced, as long as
/// that one is not lost; ResourceExhausted for a new agent when too many are known.
absl::Status Absorb(const Book& book, const AgentReport& report, Moment now, Live& live);

/// What the report makes durable: the agent itself (new, changed, found again), checkpoints, memory
/// peaks, and the steps of its jobs as in settle.h. An agent that claims a GPU of another one is
/// quarantined. A new one beyond the bound takes the place of one that was lost long ago. REQUIRES:
/// Absorb(report) came just before.
Updates Observe(const Book& book, const Live& live, const Rules& rules, const AgentReport& report,
                Moment now);

}  // namespace lrti::coordinator
