#pragma once

#include "absl/status/status.h"
#include "cli/vsr/exit_code.h"

namespace lrti::vsr {

/// Tells a failed status on stderr, `error: ...`, and gives its exit code; OK says nothing.
ExitCode ReportStatus(const absl::Status& status);

}  // namespace lrti::vsr
