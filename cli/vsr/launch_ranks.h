#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::vsr {

/// Runs the ranks of a job as processes of this machine: this program with `arguments(rank)` and
/// the variables of train/ranks/ranks.h. Passes SIGTERM and SIGINT on to them, and waits for all.
/// When one fails, the others, which notice, have ten seconds to end before they are killed. When
/// this process dies, they are told to save and stop.
///
/// The answer is the exit code for all: 0 when each ended with it; otherwise that of a rank which
/// failed by itself, rather than because another was lost (kTryAgain). Call it before the process
/// has other threads. Errors: Unavailable when the system gives no socket or process.
absl::StatusOr<int> LaunchRanks(
    int64_t count, const std::function<std::vector<std::string>(int64_t rank)>& arguments);

}  // namespace lrti::vsr
