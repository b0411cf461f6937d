#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/base/mutex.h"
#include "common/rpc/server.h"
#include "fmt/format.h"
#include "lrti/v1/coordinator.grpc.pb.h"

namespace lrti::ctl {

/// For tests: a coordinator of this process at a port of its own, as thin as it can be. It keeps
/// jobs and what was asked; a test puts states and logs in. It can go away and come back.
class TestCoordinator final : public v1::Coordinator::Service {
 public:
  TestCoordinator() { Start(); }
  ~TestCoordinator() override { Stop(); }

  void Stop() { server_.reset(); }
  /// At the same port as before.
  void Start() {
    auto server = rpc::Server::Start({.listen = address_.empty() ? "127.0.0.1:0" : address_,
                                      .security = {},
                                      .services = {{"lrti.v1.Coordinator", this}}});
    LRTI_CHECK(server.ok());
    server_ = *std::move(server);
    address_ = fmt::format("127.0.0.1:{}", server_->port());
  }
  const std::string& address() const { return address_; }

  v1::Job& Put(const std::string& id, const std::string& state) {
    MutexLock lock(mutex_);
    v1::Job& job = jobs_[id];
    job.set_id(id);
    job.set_name("name-" + id);
    job.set_state(state);
    job.set_gpus(1);
    return job;
  }
  void SetState(const std::string& id, const std::string& state) {
    MutexLock lock(mutex_);
    jobs_[id].set_state(state);
  }

  std::vector<v1::SubmitJobRequest> submitted() {
    MutexLock lock(mutex_);
    return submitted_;
  }
  v1::ListJobsRequest listed() {
    MutexLock lock(mutex_);
    return listed_;
  }
  /// The next so many submissions are answered with UNAVAILABLE.
  void RefuseSubmissions(int count) {
    MutexLock lock(mutex_);
    refused_ = count;
  }

  /// What TailLogs does, with the number of its call, from 1.
  std::function<grpc::Status(int, const v1::TailLogsRequest&, grpc::ServerWriter<v1::LogChunk>&)>
      tail_logs;
  std::function<void(const std::string&)> on_get;  // with the number of gets so far
  v1::ListAgentsResponse agents;
  v1::ListQueuesResponse queues;
  v1::GetUsageResponse usage;
  v1::Explanation explanation;
  v1::ValidateJobResponse validation;
  std::vector<v1::Transition> transitions;

  grpc::Status SubmitJob(grpc::ServerContext*, const v1::SubmitJobRequest* request,
                         v1::Job* job) override {
    MutexLock lock(mutex_);
    submitted_.push_back(*request);
    if (refused_ > 0) {
      --refused_;
      return {grpc::UNAVAILABLE, "journal: try again"};
    }
    job->set_id(fmt::format("lrti-job{}", submitted_.size()));
    job->set_name("sent");
    job->set_state("PENDING");
    job->set_group(request->group());
    if (request->hold()) job->set_pending_reason("OnHold");
    jobs_[job->id()] = *job;
    return grpc::Status::OK;
  }
  grpc::Status ValidateJob(grpc::ServerContext*, const v1::ValidateJobRequest*,
                           v1::ValidateJobResponse* response) override {
    *response = validation;
    return grpc::Status::OK;
  }
  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest* request,
                      v1::Job* job) override {
    if (on_get) on_get(request->job());
    return Find(request->job(), job);
  }
  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override {
    MutexLock lock(mutex_);
    listed_ = *request;
    for (const auto& [id, job] : jobs_) {
      const bool full = request->page_size() > 0 && response->jobs_size() == request->page_size();
      if (!full && IsAskedFor(job, *request)) *response->add_jobs() = job;
    }
    return grpc::Status::OK;
  }
  grpc::Status CancelJob(grpc::ServerContext*, const v1::JobRequest* request,
                         v1::Job* job) override {
    return Change(*request, "CANCELLED", job);
  }
  grpc::Status PauseJob(grpc::ServerContext*, const v1::JobRequest* request,
                        v1::Job* job) override {
    return Change(*request, "PAUSED", job);
  }
  grpc::Status ResumeJob(grpc::ServerContext*, const v1::JobRequest*, v1::Job*) override {
    return {grpc::FAILED_PRECONDITION, "it is RUNNING; only PAUSED jobs can be resumed"};
  }
  grpc::Status SetPriority(grpc::ServerContext*, const v1::SetPriorityRequest* request,
                           v1::Job* job) override {
    const grpc::Status status = Find(request->job(), job);
    job->set_priority(request->priority());
    return status;
  }
  grpc::Status ExplainJob(grpc::ServerContext*, const v1::JobRequest* request,
                          v1::Explanation* response) override {
    *response = explanation;
    return Find(request->job(), response->mutable_job());
  }
  grpc::Status ListTransitions(grpc::ServerContext*, const v1::ListTransitionsRequest* request,
                               v1::ListTransitionsResponse* response) override {
    for (const v1::Transition& transition : transitions) {
      if (transition.seq() > request->after_seq()) *response->add_transitions() = transition;
    }
    return grpc::Status::OK;
  }
  grpc::Status TailLogs(grpc::ServerContext*, const v1::TailLogsRequest* request,
                        grpc::ServerWriter<v1::LogChunk>* writer) override {
    int call = 0;
    {
      MutexLock lock(mutex_);
      call = ++tails_;
    }
    return tail_logs ? tail_logs(call, *request, *writer) : grpc::Status::OK;
  }
  grpc::Status StreamMetrics(grpc::ServerContext*, const v1::StreamMetricsRequest*,
                             grpc::ServerWriter<v1::MetricEvents>* writer) override {
    v1::MetricEvents events;
    events.set_attempt(1);
    events.set_json_lines("{\"event\":\"step\"}\n");
    writer->Write(events);
    return grpc::Status::OK;
  }
  grpc::Status GetUsage(grpc::ServerContext*, const v1::GetUsageRequest*,
                        v1::GetUsageResponse* response) override {
    *response = usage;
    return grpc::Status::OK;
  }
  grpc::Status ListAgents(grpc::ServerContext*, const v1::ListAgentsRequest*,
                          v1::ListAgentsResponse* response) override {
    *response = agents;
    return grpc::Status::OK;
  }
  grpc::Status DrainAgent(grpc::ServerContext*, const v1::AgentRequest* request,
                          v1::Agent* agent) override {
    agent->set_id(request->agent());
    agent->set_state("draining");
    return grpc::Status::OK;
  }
  grpc::Status ListQueues(grpc::ServerContext*, const v1::ListQueuesRequest*,
                          v1::ListQueuesResponse* response) override {
    *response = queues;
    return grpc::Status::OK;
  }
  grpc::Status GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest*,
                             v1::ServerInfo* info) override {
    info->set_version("0.1.0");
    info->set_journal_seq(transitions.size());
    return grpc::Status::OK;
  }

 private:
  static bool IsAskedFor(const v1::Job& job, const v1::ListJobsRequest& request) {
    const auto& states = request.states();
    return (request.group().empty() || job.group() == request.group()) &&
           (states.empty() || std::count(states.begin(), states.end(), job.state()) > 0);
  }
  grpc::Status Find(const std::string& id, v1::Job* job) {
    MutexLock lock(mutex_);
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return {grpc::NOT_FOUND, "no job '" + id + "'"};
    *job = found->second;
    return grpc::Status::OK;
  }
  grpc::Status Change(const v1::JobRequest& request, const std::string& state, v1::Job* job) {
    {
      MutexLock lock(mutex_);
      const auto found = jobs_.find(request.job());
      if (found != jobs_.end()) found->second.set_state(state);
    }
    return Find(request.job(), job);
  }

  std::string address_;
  std::unique_ptr<rpc::Server> server_;
  Mutex mutex_;
  std::map<std::string, v1::Job> jobs_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::SubmitJobRequest> submitted_ ABSL_GUARDED_BY(mutex_);
  v1::ListJobsRequest listed_ ABSL_GUARDED_BY(mutex_);
  int refused_ ABSL_GUARDED_BY(mutex_) = 0;
  int tails_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lrti::ctl
