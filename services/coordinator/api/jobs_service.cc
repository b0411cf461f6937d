#include "services/coordinator/api/jobs_service.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <utility>

#include "common/base/status.h"
#include "common/rpc/status.h"
#include "lrti/v1/coordinator.grpc.pb.h"
#include "services/coordinator/api/caller.h"
#include "services/coordinator/api/convert_job.h"
#include "services/coordinator/api/job_filter.h"
#include "services/coordinator/api/shown_job.h"
#include "services/coordinator/api/streams.h"
#include "services/coordinator/api/times.h"
#include "services/coordinator/state/text.h"

namespace lrti::coordinator {
namespace {

constexpr int64_t kPageMax = 1000;
constexpr size_t kAuditTextMax = 1024;

template <typename Message>
Reader<Message> ReaderOf(const grpc::ServerContext& context, grpc::ServerWriter<Message>& writer) {
  return {.write = [&writer](const Message& message) { return writer.Write(message); },
          .left = [&context] { return context.IsCancelled(); }};
}

class JobsService final : public v1::Coordinator::Service {
 public:
  explicit JobsService(const Parts& parts) : parts_(parts) {}

  grpc::Status SubmitJob(grpc::ServerContext* context, const v1::SubmitJobRequest* request,
                         v1::Job* response) override {
    return Change(*context, "SubmitJob", request->user(), {},
                  [&](const Caller& caller, Seen& seen) {
                    return Submit(caller, *request, *response, seen);
                  });
  }
  grpc::Status PauseJob(grpc::ServerContext* context, const v1::JobRequest* request,
                        v1::Job* response) override {
    return Control(*context, "PauseJob", Verb::kPause, *request, *response);
  }
  grpc::Status ResumeJob(grpc::ServerContext* context, const v1::JobRequest* request,
                         v1::Job* response) override {
    return Control(*context, "ResumeJob", Verb::kResume, *request, *response);
  }
  grpc::Status CancelJob(grpc::ServerContext* context, const v1::JobRequest* request,
                         v1::Job* response) override {
    return Control(*context, "CancelJob", Verb::kCancel, *request, *response);
  }
  grpc::Status RetryJob(grpc::ServerContext* context, const v1::JobRequest* request,
                        v1::Job* response) override {
    return Control(*context, "RetryJob", Verb::kRetry, *request, *response);
  }
  grpc::Status SetPriority(grpc::ServerContext* context, const v1::SetPriorityRequest* request,
                           v1::Job* response) override {
    const Seen asked{request->job(), std::to_string(request->priority())};
    return Change(
        *context, "SetPriority", request->user(), asked, [&](const Caller& caller, Seen& seen) {
          return WithJob(caller, Role::kUser, *response, seen, [&] {
            return parts_.engine.SetPriority(seen.object, request->priority(), caller.user);
          });
        });
  }
  grpc::Status DrainAgent(grpc::ServerContext* context, const v1::AgentRequest* request,
                          v1::Agent* response) override {
    return SetMode(*context, "DrainAgent", AgentMode::kDraining, *request, *response);
  }
  grpc::Status UndrainAgent(grpc::ServerContext* context, const v1::AgentRequest* request,
                            v1::Agent* response) override {
    return SetMode(*context, "UndrainAgent", AgentMode::kReady, *request, *response);
  }
  grpc::Status QuarantineAgent(grpc::ServerContext* context, const v1::AgentRequest* request,
                               v1::Agent* response) override {
    return SetMode(*context, "QuarantineAgent", AgentMode::kQuarantined, *request, *response);
  }

  grpc::Status ValidateJob(grpc::ServerContext* context, const v1::ValidateJobRequest* request,
                           v1::ValidateJobResponse* response) override {
    return Look(*context, "ValidateJob",
                [&](const Caller&) { return Validate(*request, *response); });
  }
  grpc::Status GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request,
                      v1::Job* response) override {
    return Look(*context, "GetJob", [&](const Caller& caller) {
      return ShowJob(parts_, caller, request->job(), /*with_config=*/true, *response);
    });
  }
  grpc::Status ListJobs(grpc::ServerContext* context, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override {
    return Look(*context, "ListJobs",
                [&](const Caller& caller) { return List(caller, *request, *response); });
  }
  grpc::Status ExplainJob(grpc::ServerContext* context, const v1::JobRequest* request,
                          v1::Explanation* response) override {
    return Look(*context, "ExplainJob", [&](const Caller& caller) -> absl::Status {
      LRTI_RETURN_IF_ERROR(
          ShowJob(parts_, caller, request->job(), /*with_config=*/false, *response->mutable_job()));
      LRTI_ASSIGN_OR_RETURN(const Explanation why, parts_.engine.Explain(response->job().id()));
      Fill(why, *response);
      return absl::OkStatus();
    });
  }
  grpc::Status ListTransitions(grpc::ServerContext* context,
                               const v1::ListTransitionsRequest* request,
                               v1::ListTransitionsResponse* response) override {
    return Look(*context, "ListTransitions",
                [&](const Caller& caller) { return Transitions(caller, *request, *response); });
  }
  grpc::Status GetUsage(grpc::ServerContext* context, const v1::GetUsageRequest* request,
                        v1::GetUsageResponse* response) override {
    return Look(*context, "GetUsage",
                [&](const Caller& caller) { return Usage(caller, *request, *response); });
  }
  grpc::Status ListAgents(grpc::ServerContext* context, const v1::ListAgentsRequest*,
                          v1::ListAgentsResponse* response) override {
    return Look(*context, "ListAgents", [&](const Caller& caller) {
      parts_.engine.Read([&](const Book& book, const Live& live, Moment now) {
        for (const auto& [id, agent] : book.agents) {
          v1::Agent& message = *response->add_agents();
          Fill(agent, book, live, now, message);
          HideJobs(caller, book, message);
        }
      });
      return absl::OkStatus();
    });
  }
  grpc::Status ListQueues(grpc::ServerContext* context, const v1::ListQueuesRequest*,
                          v1::ListQueuesResponse* response) override {
    return Look(*context, "ListQueues", [&](const Caller&) {
      const Rules& rules = parts_.engine.rules();
      parts_.engine.Read([&](const Book& book, const Live& live, Moment) {
        for (const auto& [name, rule] : rules.queues) {
          Fill(name, rules, book, live, *response->add_queues());
        }
      });
      return absl::OkStatus();
    });
  }
  grpc::Status GetServerInfo(grpc::ServerContext* context, const v1::GetServerInfoRequest*,
                             v1::ServerInfo* response) override {
    return Look(*context, "GetServerInfo", [&](const Caller&) {
      response->set_version(parts_.version);
      response->set_state_dir(parts_.state_dir);
      response->set_runs_dir(parts_.engine.rules().runs_dir);
      Fill(parts_.started, *response->mutable_started());
      response->set_trouble(parts_.engine.trouble());
      parts_.engine.Read(
          [&](const Book& book, const Live&, Moment) { response->set_journal_seq(book.seq); });
      return absl::OkStatus();
    });
  }

  grpc::Status WatchJobs(grpc::ServerContext* context, const v1::WatchJobsRequest* request,
                         grpc::ServerWriter<v1::JobEvent>* writer) override {
    return Serve(*context, "WatchJobs", [&](const Caller& caller) {
      return coordinator::WatchJobs(parts_, caller, *request, ReaderOf(*context, *writer));
    });
  }
  grpc::Status TailLogs(grpc::ServerContext* context, const v1::TailLogsRequest* request,
                        grpc::ServerWriter<v1::LogChunk>* writer) override {
    return Serve(*context, "TailLogs", [&](const Caller& caller) {
      return coordinator::TailLogs(parts_, caller, *request, ReaderOf(*context, *writer));
    });
  }
  grpc::Status StreamMetrics(grpc::ServerContext* context, const v1::StreamMetricsRequest* request,
                             grpc::ServerWriter<v1::MetricEvents>* writer) override {
    return Serve(*context, "StreamMetrics", [&](const Caller& caller) {
      return coordinator::StreamMetrics(parts_, caller, *request, ReaderOf(*context, *writer));
    });
  }

 private:
  // What a change is about, for the audit: at first in the caller's words.
  struct Seen {
    std::string object;
    std::string detail;
  };

  grpc::Status Answer(const std::string& method, const absl::Status& status) {
    grpc::Status answer = rpc::ToGrpc(status);
    parts_.calls.Count(method, answer.error_code());
    return answer;
  }

  template <typename Body>
  grpc::Status Look(const grpc::ServerContext& context, const std::string& method,
                    const Body& body) {
    const auto caller = CallerOf(context, parts_.access, "");
    return Answer(method, caller.ok() ? body(*caller) : caller.status());
  }

  // A stream keeps its thread for as long as its reader likes: beyond a bound they are refused, so
  // that all other calls find one.
  template <typename Body>
  grpc::Status Serve(const grpc::ServerContext& context, const std::string& method,
                     const Body& body) {
    return Look(context, method, [&](const Caller& caller) -> absl::Status {
      const bool room = ++streams_ <= parts_.streams_max;
      const absl::Status outcome =
          room ? body(caller)
               : Error(absl::StatusCode::kResourceExhausted,
                       "{} streams of logs, metrics and jobs are open, and no more are taken; try "
                       "again in a while",
                       parts_.streams_max);
      --streams_;
      return outcome;
    });
  }

  // A call that changes something: granted or not, it is written down.
  template <typename Body>
  grpc::Status Change(const grpc::ServerContext& context, const std::string& method,
                      const std::string& claimed, Seen seen, const Body& body) {
    const auto caller = CallerOf(context, parts_.access, claimed);
    const absl::Status outcome = caller.ok() ? body(*caller, seen) : caller.status();
    const absl::Status written =
        parts_.audit.Write({.user = caller.ok() ? caller->user : "",
                            .verb = method,
                            .object = CleanLine(seen.object, kAuditTextMax),
                            .detail = CleanLine(seen.detail, kAuditTextMax),
                            .outcome = outcome},
                           parts_.clock.Now());
    if (!written.ok()) {
      std::fprintf(stderr, "lrti-coordinator: audit: %s\n", Message(written).c_str());
    }
    return Answer(method, outcome);
  }

  // Changes the job of this name if the caller may change it, and shows it. `change` goes by the id
  // that `seen` has then: another job may have the name's letters by now.
  template <typename Do>
  absl::Status WithJob(const Caller& caller, Role role, v1::Job& response, Seen& seen,
                       const Do& change) {
    v1::Job before;
    LRTI_RETURN_IF_ERROR(ShowJob(parts_, caller, seen.object, /*with_config=*/false, before));
    seen.object = before.id();
    LRTI_RETURN_IF_ERROR(Allow(caller, role, before.project()));
    LRTI_RETURN_IF_ERROR(change().status());
    return ShowJob(parts_, caller, seen.object, /*with_config=*/false, response);
  }

  grpc::Status Control(const grpc::ServerContext& context, const std::string& method, Verb verb,
                       const v1::JobRequest& request, v1::Job& response) {
    return Change(context, method, request.user(), {request.job(), ""},
                  [&](const Caller& caller, Seen& seen) {
                    return WithJob(caller, Role::kUser, response, seen, [&] {
                      return parts_.engine.Control(verb, seen.object, caller.user);
                    });
                  });
  }

  absl::Status Submit(const Caller& caller, const v1::SubmitJobRequest& request, v1::Job& response,
                      Seen& seen) {
    const SubmitArguments arguments{.request_id = request.request_id(),
                                    .config = request.config(),
                                    .hold = request.hold(),
                                    .user = caller.user,
                                    .group = request.group()};
    LRTI_ASSIGN_OR_RETURN(Submission submission, ReadSubmission(arguments));
    LRTI_RETURN_IF_ERROR(Allow(caller, Role::kUser, submission.project));
    LRTI_ASSIGN_OR_RETURN(seen.object, parts_.engine.Submit(std::move(submission)));
    return ShowJob(parts_, caller, seen.object, /*with_config=*/true, response);
  }

  grpc::Status SetMode(const grpc::ServerContext& context, const std::string& method,
                       AgentMode mode, const v1::AgentRequest& request, v1::Agent& response) {
    const Seen asked{request.agent(), request.message()};
    return Change(
        context, method, request.user(), asked, [&](const Caller& caller, Seen&) -> absl::Status {
          LRTI_RETURN_IF_ERROR(Allow(caller, Role::kAdmin, ""));
          LRTI_RETURN_IF_ERROR(
              parts_.engine.SetAgentMode(request.agent(), mode, request.message(), caller.user));
          parts_.engine.Read([&](const Book& book, const Live& live, Moment now) {
            const auto agent = book.agents.find(request.agent());
            if (agent != book.agents.end()) {
              Fill(agent->second, book, live, now, response);
            }
          });
          return absl::OkStatus();
        });
  }

  // Who may not see a job does not learn where it runs.
  static void HideJobs(const Caller& caller, const Book& book, v1::Agent& agent) {
    for (v1::Gpu& gpu : *agent.mutable_gpus()) {
      const JobRecord* const job = FindJob(book, gpu.job());
      if (job == nullptr || Allow(caller, Role::kViewer, job->submission->project).ok()) continue;
      gpu.clear_job();
      gpu.clear_attempt();
      gpu.clear_rank();
    }
  }

  absl::Status Validate(const v1::ValidateJobRequest& request, v1::ValidateJobResponse& response) {
    const auto submission = ReadSubmission({.request_id = "validate", .config = request.config()});
    if (!submission.ok()) {
      const std::string findings = Message(submission.status());
      for (size_t begin = 0; begin < findings.size();) {
        const size_t end = std::min(findings.find('\n', begin), findings.size());
        response.add_findings(findings.substr(begin, end - begin));
        begin = end + 1;
      }
      return absl::OkStatus();
    }
    const Fit fit = parts_.engine.CouldRun(*submission);
    response.set_fits(fit.fits);
    response.set_advice(fit.advice);
    return absl::OkStatus();
  }

  absl::Status List(const Caller& caller, const v1::ListJobsRequest& request,
                    v1::ListJobsResponse& response) const {
    LRTI_ASSIGN_OR_RETURN(const JobFilter filter, JobFilter::Of(request, caller));
    const int64_t page =
        request.page_size() > 0 ? std::min(request.page_size(), kPageMax) : kPageMax;
    parts_.engine.Read([&](const Book& book, const Live& live, Moment now) {
      auto it = book.by_submission.lower_bound(filter.before());  // newest first: backwards
      while (it != book.by_submission.begin()) {
        const auto& [seq, id] = *--it;
        const JobRecord* const job = FindJob(book, id);
        if (job == nullptr || !filter.Matches(*job)) continue;
        if (response.jobs_size() == page) {
          response.set_next_page_token(std::to_string(seq + 1));
          return;
        }
        Fill(*job, live, now, *response.add_jobs());
      }
    });
    return absl::OkStatus();
  }

  absl::Status Transitions(const Caller& caller, const v1::ListTransitionsRequest& request,
                           v1::ListTransitionsResponse& response) const {
    std::string id;
    if (!request.job().empty()) {
      v1::Job job;
      LRTI_RETURN_IF_ERROR(ShowJob(parts_, caller, request.job(), /*with_config=*/false, job));
      id = job.id();
    } else {
      LRTI_RETURN_IF_ERROR(Allow(caller, Role::kViewer, ""));
    }
    const int64_t limit = request.limit() > 0 ? std::min(request.limit(), kPageMax) : kPageMax;
    LRTI_ASSIGN_OR_RETURN(const std::vector<Transition> transitions,
                          parts_.engine.Transitions(id, request.after_seq(), limit));
    for (const Transition& transition : transitions) Fill(transition, *response.add_transitions());
    return absl::OkStatus();
  }

  absl::Status Usage(const Caller& caller, const v1::GetUsageRequest& request,
                     v1::GetUsageResponse& response) const {
    LRTI_RETURN_IF_ERROR(Allow(caller, Role::kViewer, request.project()));
    UsageQuery query{.by = request.by(), .project = request.project()};
    if (request.has_since()) query.since = TimeOf(request.since());
    if (request.has_until()) query.until = TimeOf(request.until());
    LRTI_ASSIGN_OR_RETURN(const std::vector<UsageRow> rows, parts_.engine.Usage(query));
    const auto seconds = [](int64_t microseconds) {
      return static_cast<double>(microseconds) / 1e6;
    };
    for (const UsageRow& row : rows) {
      v1::GetUsageResponse::Row& message = *response.add_rows();
      message.set_key(row.key);
      message.set_jobs(row.jobs);
      message.set_allocated_gpu_seconds(seconds(row.allocated_gpu_us));
      message.set_productive_gpu_seconds(seconds(row.productive_gpu_us));
      for (const auto& [waste, name] : kWasteNames) {
        (*message.mutable_wasted_gpu_seconds())[std::string(name)] =
            seconds(row.wasted_gpu_us[static_cast<size_t>(waste)]);
      }
    }
    return absl::OkStatus();
  }

  Parts parts_;
  std::atomic<int> streams_ = 0;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeJobsService(const Parts& parts) {
  return std::make_unique<JobsService>(parts);
}

}  // namespace lrti::coordinator
