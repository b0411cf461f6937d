#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace lrti::v1 {
class Job;
class ListAgentsResponse;
class ListQueuesResponse;
}  // namespace lrti::v1

namespace lrti::ctl {

struct ScreenSize {
  size_t width = 100;
  size_t height = 0;  // 0: as long as it takes
};

/// The screen of `lrti-ctl top`: a line of sums, queues, agents with their devices, jobs; those
/// that run first, then those that wait, then those that ended last. Lines are no wider than the
/// screen, and no more than it has.
std::string TopScreen(const std::vector<v1::Job>& jobs, const v1::ListAgentsResponse& agents,
                      const v1::ListQueuesResponse& queues, absl::Time now, ScreenSize size,
                      bool color);

}  // namespace lrti::ctl
