#include "cli/ctl/client/cache_node.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include "common/base/status.h"
#include "common/rpc/channel.h"
#include "common/rpc/status.h"

namespace lrti::ctl {

absl::StatusOr<CacheNode> CacheNode::At(const std::string& address, absl::Duration timeout) {
  LRTI_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel,
                        rpc::MakeChannel(address, rpc::Security()));
  return CacheNode(address, timeout, channel);
}

template <typename Method, typename Request, typename Response>
absl::Status CacheNode::Call(Method method, const Request& request, Response& response) const {
  grpc::ClientContext context;
  rpc::Prepare(context, timeout_, "");
  const absl::Status status = rpc::FromGrpc((stub_.get()->*method)(&context, request, &response));
  return status.ok() ? status : Error(status.code(), "cache at {}: {}", address_, Message(status));
}

absl::StatusOr<v1::StatsResponse> CacheNode::Stats() const {
  v1::StatsResponse response;
  LRTI_RETURN_IF_ERROR(Call(&v1::Cache::Stub::Stats, v1::StatsRequest(), response));
  return response;
}

absl::StatusOr<v1::ListCacheJobsResponse> CacheNode::Jobs() const {
  v1::ListCacheJobsResponse response;
  LRTI_RETURN_IF_ERROR(Call(&v1::Cache::Stub::ListJobs, v1::ListCacheJobsRequest(), response));
  return response;
}

absl::Status CacheNode::Drop(uint64_t job) const {
  v1::InvalidateRequest request;
  request.set_job(job);
  v1::InvalidateResponse response;
  return Call(&v1::Cache::Stub::Invalidate, request, response);
}

}  // namespace lrti::ctl
