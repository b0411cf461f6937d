#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/open_file.h"

namespace lrti {

/// Makes the file where it is not there, and locks it for this process alone for as long as the
/// result is open. Errors: FailedPrecondition with `taken` when another process has it; else as
/// FileError.
absl::StatusOr<OpenFile> LockFileAlone(const std::string& path, const std::string& taken);

}  // namespace lrti
