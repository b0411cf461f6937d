#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "lrti/v1/worker.grpc.pb.h"
#include "services/worker/agent/agents_client.h"

namespace lrti::worker {
namespace {

class GrpcAgents final : public AgentsClient {
 public:
  GrpcAgents(const std::shared_ptr<grpc::Channel>& channel, std::string token,
             absl::Duration deadline)
      : stub_(v1::Agents::NewStub(channel)), token_(std::move(token)), deadline_(deadline) {}

  absl::StatusOr<v1::SyncResponse> Sync(const v1::SyncRequest& request) override {
    return Call<v1::SyncResponse>(&v1::Agents::Stub::Sync, request);
  }

  absl::StatusOr<v1::AppendSpoolResponse> AppendSpool(
      const v1::AppendSpoolRequest& request) override {
    return Call<v1::AppendSpoolResponse>(&v1::Agents::Stub::AppendSpool, request);
  }

 private:
  template <typename Response, typename Method, typename Request>
  absl::StatusOr<Response> Call(Method method, const Request& request) {
    grpc::ClientContext context;
    rpc::Prepare(context, deadline_, token_);
    Response response;
    const grpc::Status status = (*stub_.*method)(&context, request, &response);
    if (!status.ok()) return rpc::FromGrpc(status);
    return response;
  }

  const std::unique_ptr<v1::Agents::Stub> stub_;
  const std::string token_;
  const absl::Duration deadline_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AgentsClient>> MakeGrpcAgents(const std::string& coordinator,
                                                             const rpc::Security& security,
                                                             absl::Duration deadline) {
  LRTI_ASSIGN_OR_RETURN(std::string token, rpc::ReadToken(security));
  LRTI_ASSIGN_OR_RETURN(const auto channel, rpc::MakeChannel(coordinator, security));
  return std::unique_ptr<AgentsClient>(
      std::make_unique<GrpcAgents>(channel, std::move(token), deadline));
}

}  // namespace lrti::worker
