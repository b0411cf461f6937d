#pragma once

#include <string>

#include "services/coordinator/state/assignments.h"
#include "services/coordinator/state/report.h"

namespace lrti::v1 {
class Assignment;
class SyncRequest;
}  // namespace lrti::v1

namespace lrti::coordinator {

/// What an agent said.
AgentReport ReportOf(const v1::SyncRequest& message);

/// What it is told; the cache's fields stay empty.
void Fill(const Assignment& assignment, v1::Assignment& message);

}  // namespace lrti::coordinator
