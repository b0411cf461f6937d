#pragma once

#include "services/coordinator/state/book.h"
#include "services/coordinator/state/live.h"
#include "services/coordinator/state/rules.h"
#include "services/coordinator/state/update.h"

namespace lrti::coordinator {

/// What the passing of time makes durable: leases that lapse, attempts whose agents are lost or
/// which do not come up, ended jobs beyond the bound.
Updates Tick(const Book& book, const Live& live, const Rules& rules, Moment now);

}  // namespace lrti::coordinator
