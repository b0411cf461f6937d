#include "services/coordinator/api/agents_service.h"

#include <grpcpp/server_context.h>

#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/rpc/status.h"
#include "lrti/v1/worker.grpc.pb.h"
#include "services/coordinator/api/caller.h"
#include "services/coordinator/api/convert_report.h"
#include "services/coordinator/api/times.h"

namespace lrti::coordinator {
namespace {

constexpr size_t kPieceBytesMax = size_t{1} << 20;

class AgentsService final : public v1::Agents::Service {
 public:
  explicit AgentsService(const Parts& parts) : parts_(parts) {}

  grpc::Status Sync(grpc::ServerContext* context, const v1::SyncRequest* request,
                    v1::SyncResponse* response) override {
    return Answer("Sync", Do(*context, *request, *response));
  }

  grpc::Status AppendSpool(grpc::ServerContext* context, const v1::AppendSpoolRequest* request,
                           v1::AppendSpoolResponse* response) override {
    return Answer("AppendSpool", Do(*context, *request, *response));
  }

 private:
  grpc::Status Answer(const std::string& method, const absl::Status& status) {
    grpc::Status answer = rpc::ToGrpc(status);
    parts_.calls.Count(method, answer.error_code());
    return answer;
  }

  // One machine must not speak for another: it could end the ranks there.
  absl::Status Authorize(const grpc::ServerContext& context, const std::string& agent) const {
    LRTI_ASSIGN_OR_RETURN(const Caller caller, CallerOf(context, parts_.access, agent));
    LRTI_RETURN_IF_ERROR(Allow(caller, Role::kAgent, ""));
    if (caller.role != Role::kAgent || caller.user == "*" || caller.user == agent) {
      return absl::OkStatus();
    }
    return Error(
        absl::StatusCode::kPermissionDenied,
        "this token is for agent {}, and this is agent {}; `lrti-ctl token new --role agent "
        "--user {}` makes one for it",
        caller.user, agent, agent);
  }

  absl::Status Do(const grpc::ServerContext& context, const v1::SyncRequest& request,
                  v1::SyncResponse& response) {
    LRTI_RETURN_IF_ERROR(Authorize(context, request.agent()));
    LRTI_ASSIGN_OR_RETURN(const std::vector<Assignment> assignments,
                          parts_.engine.Sync(ReportOf(request)));
    Fill(parts_.engine.rules().lease, *response.mutable_lease());
    Fill(parts_.engine.rules().sync_period, *response.mutable_period());
    for (const Assignment& assignment : assignments) {
      v1::Assignment& message = *response.add_assignments();
      Fill(assignment, message);
      for (const std::string& node : parts_.cache_endpoints) message.add_cache_endpoints(node);
      message.set_cache_token(Sha256Hex(parts_.cache_secret + assignment.submission->job));
    }
    return absl::OkStatus();
  }

  absl::Status Do(const grpc::ServerContext& context, const v1::AppendSpoolRequest& request,
                  v1::AppendSpoolResponse& response) {
    LRTI_RETURN_IF_ERROR(Authorize(context, request.agent()));
    if (request.data().size() > kPieceBytesMax) {
      return InvalidArgument("data: {} bytes, beyond {}", request.data().size(), kPieceBytesMax);
    }
    LRTI_RETURN_IF_ERROR(CheckAttempt(request.job(), request.attempt()));
    const SpoolName name{.job = request.job(),
                         .attempt = request.attempt(),
                         .rank = request.rank(),
                         .stream = request.stream() == v1::AppendSpoolRequest::EVENTS
                                       ? Stream::kEvents
                                       : Stream::kLog};
    LRTI_ASSIGN_OR_RETURN(
        const uint64_t have,
        parts_.spool.Append(name, request.offset(), request.data(), request.complete()));
    response.set_have(have);
    return absl::OkStatus();
  }

  // Only what was really started may write: a name from the wire makes no folders otherwise.
  absl::Status CheckAttempt(const std::string& job, int64_t attempt) const {
    int64_t newest = 0;
    parts_.engine.Read([&](const Book& book, const Live&, Moment) {
      if (const JobRecord* const record = FindJob(book, job)) newest = record->attempt;
    });
    if (attempt >= 1 && attempt <= newest) return absl::OkStatus();
    return Error(absl::StatusCode::kNotFound, "job '{}' has no attempt {}", job, attempt);
  }

  Parts parts_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAgentsService(const Parts& parts) {
  return std::make_unique<AgentsService>(parts);
}

}  // namespace lrti::coordinator
