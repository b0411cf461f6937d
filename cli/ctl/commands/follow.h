#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cli/ctl/commands/session.h"

namespace lrti::ctl {

inline constexpr absl::Duration kAwayMax = absl::Minutes(10);
inline constexpr absl::Duration kConnectedLeast = absl::Minutes(1);

/// Keeps reading a stream: calls `read`, which reads until the stream ends and remembers where it
/// is; when the coordinator went away meanwhile, says so once and calls it again, until it has been
/// away for `away_max` on end. `progress` tells whether anything came since it was last called; a
/// `read` of `connected_least` was connected, too, though nothing came. Errors: Cancelled when the
/// interrupt was asked; what `read` gives.
absl::Status KeepReading(Session& session, const std::function<absl::Status()>& read,
                         const std::function<bool()>& progress, absl::Duration away_max = kAwayMax,
                         absl::Duration connected_least = kConnectedLeast);

/// Tells who follows a job that it goes on without being watched; gives the exit code.
int Detached(const Session& session, const std::string& job, const std::string& next);

}  // namespace lrti::ctl
