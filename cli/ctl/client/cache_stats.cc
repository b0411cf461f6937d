#include "cli/ctl/client/cache_stats.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"
#include "lrti/v1/cache.grpc.pb.h"

namespace lrti::ctl {

absl::StatusOr<v1::StatsResponse> GetCacheStats(const std::string& address,
                                                absl::Duration timeout) {
  // The node's control plane is plain and on loopback.
  LRTI_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel,
                        rpc::MakeChannel(address, rpc::Security()));
  grpc::ClientContext context;
  rpc::Prepare(context, timeout, "");
  v1::StatsResponse response;
  const absl::Status status =
      rpc::FromGrpc(v1::Cache::NewStub(channel)->Stats(&context, v1::StatsRequest(), &response));
  if (!status.ok()) return Error(status.code(), "cache at {}: {}", address, Message(status));
  return response;
}

}  // namespace lrti::ctl
