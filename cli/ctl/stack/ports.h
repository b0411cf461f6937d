#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace lrti::ctl {

/// `preferred` (127.0.0.1:PORT) when nobody listens there, else a free port of 127.0.0.1.
/// Errors: InvalidArgument for no such address; Unavailable when the machine has no free port.
absl::StatusOr<std::string> FreeAddress(const std::string& preferred);

}  // namespace lrti::ctl
