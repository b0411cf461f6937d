#include "cli/ctl/client/client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>
#include <poll.h>

#include <thread>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "lrti/v1/coordinator.grpc.pb.h"

namespace lrti::ctl {
namespace {

// A stream may be long; what hangs is found by keepalive long before.
constexpr absl::Duration kStreamTimeout = absl::Hours(24);
constexpr int64_t kPageSize = 1000;

// Cancels a call when the interrupt is asked, as long as it lives.
class CancelWhenAsked {
 public:
  CancelWhenAsked(grpc::ClientContext& context, const Interrupt& interrupt)
      : thread_([&context, &interrupt, this] {
          pollfd wanted[] = {{.fd = interrupt.fd(), .events = POLLIN, .revents = 0},
                             {.fd = over_.fd(), .events = POLLIN, .revents = 0}};
          while (!interrupt.asked() && !over_.asked()) ::poll(wanted, 2, -1);
          if (interrupt.asked()) context.TryCancel();
        }) {}
  ~CancelWhenAsked() {
    over_.Ask();
    thread_.join();
  }

 private:
  Interrupt over_;
  std::thread thread_;
};

}  // namespace

struct Client::Calls {
  std::string token;
  std::string coordinator;
  absl::Duration timeout;
  std::unique_ptr<v1::Coordinator::Stub> stub;

  absl::Status StatusOf(const grpc::Status& status) const {
    const absl::Status own = rpc::FromGrpc(status);
    if (absl::IsUnimplemented(own)) {
      return Error(own.code(),
                   "coordinator at {}: it does not know this call, so it is of another version",
                   coordinator);
    }
    if (own.code() != absl::StatusCode::kUnavailable &&
        own.code() != absl::StatusCode::kDeadlineExceeded) {
      return own;
    }
    return Error(own.code(), "coordinator at {}: {}", coordinator, Message(own));
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::Coordinator::Stub::*method)(grpc::ClientContext*,
                                                                              const Request&,
                                                                              Response*),
                                const Request& request) const {
    grpc::ClientContext context;
    rpc::Prepare(context, timeout, token);
    Response response;
    const grpc::Status status = (stub.get()->*method)(&context, request, &response);
    if (!status.ok()) return StatusOf(status);
    return response;
  }

  template <typename Request, typename Item>
  absl::Status Stream(std::unique_ptr<grpc::ClientReader<Item>> (v1::Coordinator::Stub::*method)(
                          grpc::ClientContext*, const Request&),
                      const Request& request, const Interrupt& interrupt,
                      const std::function<void(const Item&)>& use) const {
    grpc::ClientContext context;
    rpc::Prepare(context, kStreamTimeout, token);
    const CancelWhenAsked cancel(context, interrupt);
    const auto reader = (stub.get()->*method)(&context, request);
    Item item;
    while (reader->Read(&item)) use(item);
    return StatusOf(reader->Finish());
  }
};

Client::Client(Options options, std::unique_ptr<Calls> calls)
    : options_(std::move(options)), calls_(std::move(calls)) {}

Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Create(const Options& options) {
  auto calls = std::make_unique<Calls>();
  LRTI_ASSIGN_OR_RETURN(calls->token, rpc::ReadToken(options.security));
  LRTI_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel,
                        rpc::MakeChannel(options.coordinator, options.security));
  calls->stub = v1::Coordinator::NewStub(channel);
  calls->coordinator = options.coordinator;
  calls->timeout = options.timeout;
  return std::unique_ptr<Client>(new Client(options, std::move(calls)));
}

using Stub = v1::Coordinator::Stub;

absl::StatusOr<v1::Job> Client::Submit(const v1::SubmitJobRequest& request) {
  return calls_->Call(&Stub::SubmitJob, request);
}

absl::StatusOr<v1::ValidateJobResponse> Client::Validate(const std::string& config) {
  v1::ValidateJobRequest request;
  request.set_config(config);
  return calls_->Call(&Stub::ValidateJob, request);
}

absl::StatusOr<v1::Job> Client::Get(const std::string& job) {
  v1::GetJobRequest request;
  request.set_job(job);
  return calls_->Call(&Stub::GetJob, request);
}

absl::StatusOr<std::vector<v1::Job>> Client::List(const v1::ListJobsRequest& request,
                                                  size_t jobs_max) {
  v1::ListJobsRequest page = request;
  std::vector<v1::Job> jobs;
  do {
    page.set_page_size(std::min<int64_t>(kPageSize, static_cast<int64_t>(jobs_max - jobs.size())));
    LRTI_ASSIGN_OR_RETURN(v1::ListJobsResponse response, calls_->Call(&Stub::ListJobs, page));
    for (v1::Job& job : *response.mutable_jobs()) jobs.push_back(std::move(job));
    if (response.jobs().empty()) break;
    page.set_page_token(response.next_page_token());
  } while (!page.page_token().empty() && jobs.size() < jobs_max);
  return jobs;
}

absl::StatusOr<v1::Job> Client::Pause(const v1::JobRequest& request) {
  return calls_->Call(&Stub::PauseJob, request);
}
absl::StatusOr<v1::Job> Client::Resume(const v1::JobRequest& request) {
  return calls_->Call(&Stub::ResumeJob, request);
}
absl::StatusOr<v1::Job> Client::Cancel(const v1::JobRequest& request) {
  return calls_->Call(&Stub::CancelJob, request);
}
absl::StatusOr<v1::Job> Client::Retry(const v1::JobRequest& request) {
  return calls_->Call(&Stub::RetryJob, request);
}
absl::StatusOr<v1::Job> Client::SetPriority(const v1::SetPriorityRequest& request) {
  return calls_->Call(&Stub::SetPriority, request);
}

absl::StatusOr<v1::Explanation> Client::Explain(const std::string& job) {
  v1::JobRequest request;
  request.set_job(job);
  return calls_->Call(&Stub::ExplainJob, request);
}

absl::StatusOr<v1::ListTransitionsResponse> Client::Transitions(
    const v1::ListTransitionsRequest& request) {
  return calls_->Call(&Stub::ListTransitions, request);
}

absl::Status Client::TailLogs(const v1::TailLogsRequest& request, const Interrupt& interrupt,
                              const std::function<void(const v1::LogChunk&)>& use) {
  return calls_->Stream(&Stub::TailLogs, request, interrupt, use);
}

absl::Status Client::StreamMetrics(const v1::StreamMetricsRequest& request,
                                   const Interrupt& interrupt,
                                   const std::function<void(const v1::MetricEvents&)>& use) {
  return calls_->Stream(&Stub::StreamMetrics, request, interrupt, use);
}

absl::StatusOr<v1::GetUsageResponse> Client::Usage(const v1::GetUsageRequest& request) {
  return calls_->Call(&Stub::GetUsage, request);
}

absl::StatusOr<v1::ListAgentsResponse> Client::Agents() {
  return calls_->Call(&Stub::ListAgents, v1::ListAgentsRequest());
}
absl::StatusOr<v1::Agent> Client::Drain(const v1::AgentRequest& request) {
  return calls_->Call(&Stub::DrainAgent, request);
}
absl::StatusOr<v1::Agent> Client::Undrain(const v1::AgentRequest& request) {
  return calls_->Call(&Stub::UndrainAgent, request);
}
absl::StatusOr<v1::Agent> Client::Quarantine(const v1::AgentRequest& request) {
  return calls_->Call(&Stub::QuarantineAgent, request);
}

absl::StatusOr<v1::ListQueuesResponse> Client::Queues() {
  return calls_->Call(&Stub::ListQueues, v1::ListQueuesRequest());
}

absl::StatusOr<v1::ServerInfo> Client::ServerInfo() {
  return calls_->Call(&Stub::GetServerInfo, v1::GetServerInfoRequest());
}

}  // namespace lrti::ctl
