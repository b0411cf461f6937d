#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/ctl/output/interrupt.h"
#include "common/rpc/security.h"

namespace lrti::v1 {
class Agent;
class AgentRequest;
class Explanation;
class GetUsageRequest;
class GetUsageResponse;
class Job;
class JobRequest;
class ListAgentsResponse;
class ListJobsRequest;
class ListQueuesResponse;
class ListTransitionsRequest;
class ListTransitionsResponse;
class LogChunk;
class MetricEvents;
class ServerInfo;
class SetPriorityRequest;
class StreamMetricsRequest;
class SubmitJobRequest;
class TailLogsRequest;
class ValidateJobResponse;
}  // namespace lrti::v1

namespace lrti::ctl {

/// The coordinator, called. Thread-safe; no retries of its own.
///
/// Errors of every method: those of coordinator.proto; Unavailable when nobody answers at the
/// address, which the message then names; DeadlineExceeded.
class Client {
 public:
  struct Options {
    std::string coordinator;  // host:port
    rpc::Security security;
    absl::Duration timeout = absl::Seconds(10);  // of each call that is no stream
  };

  /// Connects with the first call. Errors: InvalidArgument for an address, certificate or token
  /// file that cannot be.
  static absl::StatusOr<std::unique_ptr<Client>> Create(const Options& options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const std::string& coordinator() const { return options_.coordinator; }

  absl::StatusOr<v1::Job> Submit(const v1::SubmitJobRequest& request);
  absl::StatusOr<v1::ValidateJobResponse> Validate(const std::string& config);
  absl::StatusOr<v1::Job> Get(const std::string& job);
  /// Of all pages, at most `jobs_max`.
  absl::StatusOr<std::vector<v1::Job>> List(const v1::ListJobsRequest& request, size_t jobs_max);

  absl::StatusOr<v1::Job> Pause(const v1::JobRequest& request);
  absl::StatusOr<v1::Job> Resume(const v1::JobRequest& request);
  absl::StatusOr<v1::Job> Cancel(const v1::JobRequest& request);
  absl::StatusOr<v1::Job> Retry(const v1::JobRequest& request);
  absl::StatusOr<v1::Job> SetPriority(const v1::SetPriorityRequest& request);

  absl::StatusOr<v1::Explanation> Explain(const std::string& job);
  absl::StatusOr<v1::ListTransitionsResponse> Transitions(
      const v1::ListTransitionsRequest& request);

  /// Hands each chunk to `use` until the stream ends. Cancelled when `interrupt` was asked.
  absl::Status TailLogs(const v1::TailLogsRequest& request, const Interrupt& interrupt,
                        const std::function<void(const v1::LogChunk&)>& use);
  absl::Status StreamMetrics(const v1::StreamMetricsRequest& request, const Interrupt& interrupt,
                             const std::function<void(const v1::MetricEvents&)>& use);

  absl::StatusOr<v1::GetUsageResponse> Usage(const v1::GetUsageRequest& request);

  absl::StatusOr<v1::ListAgentsResponse> Agents();
  absl::StatusOr<v1::Agent> Drain(const v1::AgentRequest& request);
  absl::StatusOr<v1::Agent> Undrain(const v1::AgentRequest& request);
  absl::StatusOr<v1::Agent> Quarantine(const v1::AgentRequest& request);

  absl::StatusOr<v1::ListQueuesResponse> Queues();
  absl::StatusOr<v1::ServerInfo> ServerInfo();

 private:
  struct Calls;
  Client(Options options, std::unique_ptr<Calls> calls);

  const Options options_;
  std::unique_ptr<Calls> calls_;
};

}  // namespace lrti::ctl
