#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lrti::v1 {
class StatsResponse;
}

namespace lrti::ctl {

/// What the cache node with its control plane at `host:port` says of itself.
/// Errors: InvalidArgument for an address that cannot be; Unavailable, DeadlineExceeded.
absl::StatusOr<v1::StatsResponse> GetCacheStats(const std::string& address, absl::Duration timeout);

}  // namespace lrti::ctl
