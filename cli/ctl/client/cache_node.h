#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lrti/v1/cache.grpc.pb.h"

namespace lrti::ctl {

/// A cache node's control plane, which is plain and on loopback.
/// Errors of every call: Unavailable, DeadlineExceeded, naming the node.
class CacheNode {
 public:
  /// `address` is `host:port`. Errors: InvalidArgument for one that cannot be.
  static absl::StatusOr<CacheNode> At(const std::string& address, absl::Duration timeout);

  const std::string& address() const { return address_; }

  absl::StatusOr<v1::StatsResponse> Stats() const;
  absl::StatusOr<v1::ListCacheJobsResponse> Jobs() const;

  /// The node never serves one of the job's states again.
  absl::Status Drop(uint64_t job) const;

 private:
  CacheNode(std::string address, absl::Duration timeout,
            const std::shared_ptr<grpc::ChannelInterface>& channel)
      : address_(std::move(address)), timeout_(timeout), stub_(v1::Cache::NewStub(channel)) {}

  template <typename Method, typename Request, typename Response>
  absl::Status Call(Method method, const Request& request, Response& response) const;

  std::string address_;
  absl::Duration timeout_;
  std::unique_ptr<v1::Cache::Stub> stub_;
};

}  // namespace lrti::ctl
