#pragma once

#include <string>

#include "absl/time/time.h"
#include "cli/ctl/output/listing.h"

namespace lrti::v1 {
class GetUsageResponse;
class ListAgentsResponse;
class ListQueuesResponse;
}  // namespace lrti::v1

namespace lrti::ctl {

Listing AgentListing(const v1::ListAgentsResponse& agents, absl::Time now);
/// Each device a row, with its job.
Listing DeviceListing(const v1::ListAgentsResponse& agents);
Listing QueueListing(const v1::ListQueuesResponse& queues);
/// `by` is what the rows are of, such as project.
Listing UsageListing(const v1::GetUsageResponse& usage, const std::string& by);

}  // namespace lrti::ctl
