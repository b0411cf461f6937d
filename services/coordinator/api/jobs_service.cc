#include "services/coordinator/api/jobs_service.h"

#include <grpcpp/server_context.h>

#include <algorithm>
#include <cstdio>
#include <thread>
#include <utility>

#include "common/base/status.h"
#include "common/lifecycle/job_state.h"
#include "common/rpc/status.h"
#include "lrti/v1/coordinator.grpc.pb.h"
#include "services/coordinator/api/caller.h"
#include "services/coordinator/api/convert_job.h"
#include "services/coordinator/api/event_lines.h"
#include "services/coordinator/api/job_filter.h"
#include "services/coordinator/api/log_tail.h"
#include "services/coordinator/api/times.h"

namespace lrti::coordinator {
namespace {

constexpr int64_t kPageMax = 1000;
constexpr auto kLook = std::chrono::milliseconds(100);    // how often files are looked at
constexpr absl::Duration kLastBytes = absl::Seconds(30);  // that logs have to arrive after the end

class JobsService final : public v1::Coordinator::Service {
 public:
  explicit JobsService(const Parts& parts) : parts_(parts) {}

  grpc::Status SubmitJob(grpc::ServerContext* context, const v1::SubmitJobRequest* request,
                         v1::Job* response) override {
    return Change(*context, "SubmitJob", request->user(), [&](const Caller& caller, Seen& seen) {
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
    return Change(*context, "SetPriority", request->user(), [&](const Caller& caller, Seen& seen) {
      return WithJob(caller, Role::kUser, request->job(), *response, seen, [&] {
        return parts_.engine.SetPriority(request->job(), request->priority(), caller.user);
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
      return ShowJob(caller, request->job(), /*with_config=*/true, *response);
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
          ShowJob(caller, request->job(), /*with_config=*/false, *response->mutable_job()));
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
    return Look(*context, "ListAgents", [&](const Caller&) {
      parts_.engine.Read([&](const Book& book, const Live& live, Moment now) {
        for (const auto& [id, agent] : book.agents) {
          Fill(agent, book, live, now, *response->add_agents());
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
    return Look(*context, "WatchJobs",
                [&](const Caller& caller) { return Watch(caller, *request, *context, *writer); });
  }
  grpc::Status TailLogs(grpc::ServerContext* context, const v1::TailLogsRequest* request,
                        grpc::ServerWriter<v1::LogChunk>* writer) override {
    return Look(*context, "TailLogs",
                [&](const Caller& caller) { return Tail(caller, *request, *context, *writer); });
  }
  grpc::Status StreamMetrics(grpc::ServerContext* context, const v1::StreamMetricsRequest* request,
                             grpc::ServerWriter<v1::MetricEvents>* writer) override {
    return Look(*context, "StreamMetrics",
                [&](const Caller& caller) { return Metrics(caller, *request, *context, *writer); });
  }

 private:
  // What a change turned out to be about, for the audit.
  struct Seen {
    std::string object;
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

  // A call that changes something: granted or not, it is written down.
  template <typename Body>
  grpc::Status Change(const grpc::ServerContext& context, const std::string& method,
                      const std::string& claimed, const Body& body) {
    const auto caller = CallerOf(context, parts_.access, claimed);
    if (!caller.ok()) return Answer(method, caller.status());
    Seen seen;
    const absl::Status outcome = body(*caller, seen);
    const absl::Status written =
        parts_.audit.Write({*caller, method, seen.object, outcome}, parts_.clock.Now());
    if (!written.ok()) {
      std::fprintf(stderr, "lrti-coordinator: audit: %s\n", Message(written).c_str());
    }
    return Answer(method, outcome);
  }

  absl::Status ShowJob(const Caller& caller, const std::string& name, bool with_config,
                       v1::Job& message) const {
    absl::Status status;
    parts_.engine.Read([&](const Book& book, const Live& live, Moment now) {
      const auto job = JobNamed(book, name);
      status = job.status();
      if (!job.ok()) return;
      status = Allow(caller, Role::kViewer, (*job)->submission->project);
      if (!status.ok()) return;
      Fill(**job, live, now, message);
      if (with_config) message.set_config((*job)->submission->config);
    });
    return status;
  }

  // Changes a job that the caller may change, and shows it.
  template <typename Do>
  absl::Status WithJob(const Caller& caller, Role role, const std::string& name, v1::Job& response,
                       Seen& seen, const Do& change) {
    seen.object = name;
    v1::Job before;
    LRTI_RETURN_IF_ERROR(ShowJob(caller, name, /*with_config=*/false, before));
    seen.object = before.id();
    LRTI_RETURN_IF_ERROR(Allow(caller, role, before.project()));
    LRTI_RETURN_IF_ERROR(change().status());
    return ShowJob(caller, before.id(), /*with_config=*/false, response);
  }

  grpc::Status Control(const grpc::ServerContext& context, const std::string& method, Verb verb,
                       const v1::JobRequest& request, v1::Job& response) {
    return Change(context, method, request.user(), [&](const Caller& caller, Seen& seen) {
      return WithJob(caller, Role::kUser, request.job(), response, seen,
                     [&] { return parts_.engine.Control(verb, request.job(), caller.user); });
    });
  }

  absl::Status Submit(const Caller& caller, const v1::SubmitJobRequest& request, v1::Job& response,
                      Seen& seen) {
    const SubmitArguments arguments{.request_id = request.request_id(),
                                    .config = request.config(),
                                    .hold = request.hold(),
                                    .user = caller.user,
                                    .group = request.group()};
    LRTI_ASSIGN_OR_RETURN(const Submission submission, ReadSubmission(arguments));
    LRTI_RETURN_IF_ERROR(Allow(caller, Role::kUser, submission.project));
    LRTI_ASSIGN_OR_RETURN(seen.object, parts_.engine.Submit(arguments));
    return ShowJob(caller, seen.object, /*with_config=*/true, response);
  }

  grpc::Status SetMode(const grpc::ServerContext& context, const std::string& method,
                       AgentMode mode, const v1::AgentRequest& request, v1::Agent& response) {
    return Change(
        context, method, request.user(), [&](const Caller& caller, Seen& seen) -> absl::Status {
          seen.object = request.agent();
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
      LRTI_RETURN_IF_ERROR(ShowJob(caller, request.job(), /*with_config=*/false, job));
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

  absl::Status Watch(const Caller& caller, const v1::WatchJobsRequest& request,
                     const grpc::ServerContext& context,
                     grpc::ServerWriter<v1::JobEvent>& writer) const {
    std::string only;
    if (!request.job().empty()) {
      v1::Job job;
      LRTI_RETURN_IF_ERROR(ShowJob(caller, request.job(), /*with_config=*/false, job));
      only = job.id();
    }
    uint64_t version = request.after_version(), seen = 0;
    while (!context.IsCancelled()) {
      std::vector<v1::JobEvent> events;
      parts_.engine.Read([&](const Book& book, const Live& live, Moment now) {
        seen = book.seq;
        auto it = book.by_version.upper_bound(version);
        for (; it != book.by_version.end() && events.size() < kPageMax; ++it) {
          const JobRecord* const job = FindJob(book, it->second);
          if (job == nullptr || (!only.empty() && it->second != only)) continue;
          if (!Allow(caller, Role::kViewer, job->submission->project).ok()) continue;
          v1::JobEvent& event = events.emplace_back();
          Fill(*job, live, now, *event.mutable_job());
          event.set_version(it->first);
        }
        if (it == book.by_version.end()) version = seen;
      });
      for (const v1::JobEvent& event : events) {
        if (!writer.Write(event)) return absl::OkStatus();
        version = std::max(version, event.version());
      }
      if (!events.empty() && version != seen) continue;
      v1::JobEvent bookmark;
      bookmark.set_version(version);
      if (!events.empty() && !writer.Write(bookmark)) return absl::OkStatus();
      parts_.engine.WaitForChange(seen, absl::Seconds(1));
    }
    return absl::CancelledError("the reader left");
  }

  struct Standing {
    std::string id;
    int64_t attempt = 0;
    int64_t ranks = 0;
    bool final = false;
  };
  absl::StatusOr<Standing> StandingOf(const Caller& caller, const std::string& name) const {
    v1::Job job;
    LRTI_RETURN_IF_ERROR(ShowJob(caller, name, /*with_config=*/false, job));
    const auto state = lifecycle::ValueIn(lifecycle::kJobStates, job.state());
    return Standing{job.id(), job.attempt(), job.ranks(), state && lifecycle::IsFinal(*state)};
  }

  absl::Status Tail(const Caller& caller, const v1::TailLogsRequest& request,
                    const grpc::ServerContext& context,
                    grpc::ServerWriter<v1::LogChunk>& writer) const {
    LRTI_ASSIGN_OR_RETURN(Standing job, StandingOf(caller, request.job()));
    LogTail tail(parts_.spool, {.job = job.id,
                                .attempt = request.attempt() > 0 ? request.attempt() : job.attempt,
                                .rank = request.rank(),
                                .tail_lines = request.tail_lines(),
                                .offsets = {request.offsets().begin(), request.offsets().end()}});
    const auto take = [&writer](LogTail::Chunk chunk) {
      v1::LogChunk message;
      message.set_attempt(chunk.attempt);
      message.set_rank(chunk.rank);
      message.set_offset(chunk.offset);
      message.set_data(std::move(chunk.data));
      message.set_complete(chunk.complete);
      return writer.Write(message);
    };
    int64_t ranks = 1;  // of the attempt that is read, as far as known
    std::optional<absl::Duration> over_since;
    while (!context.IsCancelled()) {
      LRTI_ASSIGN_OR_RETURN(job, StandingOf(caller, job.id));  // before the files: none is missed
      if (job.attempt == tail.attempt() && job.ranks > 0) ranks = job.ranks;
      ranks =
          std::max(ranks, static_cast<int64_t>(parts_.spool.Ranks(job.id, tail.attempt()).size()));
      LRTI_ASSIGN_OR_RETURN(const bool wanted, tail.Advance(take));
      if (!wanted || !request.follow()) return absl::OkStatus();
      const bool over = job.final || job.attempt > tail.attempt();
      if (!over) {
        over_since.reset();
      } else if (!over_since) {
        over_since = parts_.clock.Steady();
      }
      // The last bytes may come after the news that the job ended.
      const bool waited = over_since && parts_.clock.Steady() - *over_since > kLastBytes;
      if (over && (tail.AttemptComplete(ranks) || waited || tail.attempt() == 0)) {
        if (job.attempt <= tail.attempt()) return absl::OkStatus();
        tail.MoveTo(tail.attempt() + 1);
        ranks = 1;
        over_since.reset();
        continue;
      }
      std::this_thread::sleep_for(kLook);
    }
    return absl::CancelledError("the reader left");
  }

  absl::Status Metrics(const Caller& caller, const v1::StreamMetricsRequest& request,
                       const grpc::ServerContext& context,
                       grpc::ServerWriter<v1::MetricEvents>& writer) const {
    LRTI_ASSIGN_OR_RETURN(Standing job, StandingOf(caller, request.job()));
    const bool one = request.attempt() > 0 && !request.follow() && request.after() == 0;
    SpoolName name{job.id, std::max<int64_t>(request.attempt(), 1), 0, Stream::kEvents};
    uint64_t offset = request.after();
    std::optional<absl::Duration> over_since;
    while (!context.IsCancelled()) {
      LRTI_ASSIGN_OR_RETURN(job, StandingOf(caller, job.id));
      LRTI_ASSIGN_OR_RETURN(EventLines events, ReadEventLines(parts_.spool, name, offset));
      const bool moved = events.next > offset;
      offset = events.next;
      if (!events.lines.empty()) {
        v1::MetricEvents message;
        message.set_attempt(name.attempt);
        message.set_json_lines(std::move(events.lines));
        message.set_next(offset);
        if (!writer.Write(message)) return absl::OkStatus();
      }
      if (moved) continue;
      const bool over = job.final || job.attempt > name.attempt;
      if (!over_since && over) over_since = parts_.clock.Steady();
      const bool waited = over_since && parts_.clock.Steady() - *over_since > kLastBytes;
      const bool done = events.complete || waited || !request.follow();
      if (done && (over || !request.follow())) {
        if (one || job.attempt <= name.attempt) return absl::OkStatus();
        ++name.attempt;
        offset = 0;
        over_since.reset();
        continue;
      }
      std::this_thread::sleep_for(kLook);
    }
    return absl::CancelledError("the reader left");
  }

  Parts parts_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeJobsService(const Parts& parts) {
  return std::make_unique<JobsService>(parts);
}

}  // namespace lrti::coordinator
