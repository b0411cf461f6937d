#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "services/worker/rank/verdict.h"

namespace lrti::worker {

/// Keeps why an agent ends an attempt, so that one that comes after it does not take the end for an
/// accident. Errors: as WriteFileAtomic.
absl::Status WriteCause(const std::string& path, const Cause& cause);

/// None where there is no such file, or a damaged one.
std::optional<Cause> ReadCause(const std::string& path);

}  // namespace lrti::worker
