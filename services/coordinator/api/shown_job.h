#pragma once

#include <string>

#include "absl/status/status.h"
#include "services/coordinator/api/caller.h"
#include "services/coordinator/api/parts.h"

namespace lrti::v1 {
class Job;
}

namespace lrti::coordinator {

/// A job that the caller may see; `name` as in Engine::Control.
/// Errors: as JobNamed; PermissionDenied.
absl::Status ShowJob(const Parts& parts, const Caller& caller, const std::string& name,
                     bool with_config, v1::Job& message);

}  // namespace lrti::coordinator
