#include "cli/vsr/report_status.h"

#include <cstdio>

#include "common/base/status.h"

namespace lrti::vsr {

ExitCode ReportStatus(const absl::Status& status) {
  if (!status.ok()) std::fprintf(stderr, "error: %s\n", Message(status).c_str());
  return ExitCodeOf(status);
}

}  // namespace lrti::vsr
