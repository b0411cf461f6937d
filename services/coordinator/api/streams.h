#pragma once

#include <functional>

#include "absl/status/status.h"
#include "services/coordinator/api/caller.h"
#include "services/coordinator/api/parts.h"

namespace lrti::v1 {
class JobEvent;
class LogChunk;
class MetricEvents;
class StreamMetricsRequest;
class TailLogsRequest;
class WatchJobsRequest;
}  // namespace lrti::v1

namespace lrti::coordinator {

/// To whom a stream goes.
template <typename Message>
struct Reader {
  std::function<bool(const Message&)> write;  // false: the reader is gone
  std::function<bool()> left;                 // asked now and then
};

/// The streams of the API; each returns when it is at its end, or when the reader left (Cancelled).
/// They look at files and at the book, so that no reader can hold up the engine, an agent or
/// another reader. Errors: as ShowJob; of the disk.
absl::Status WatchJobs(const Parts& parts, const Caller& caller,
                       const v1::WatchJobsRequest& request, const Reader<v1::JobEvent>& reader);
absl::Status TailLogs(const Parts& parts, const Caller& caller, const v1::TailLogsRequest& request,
                      const Reader<v1::LogChunk>& reader);
absl::Status StreamMetrics(const Parts& parts, const Caller& caller,
                           const v1::StreamMetricsRequest& request,
                           const Reader<v1::MetricEvents>& reader);

}  // namespace lrti::coordinator
