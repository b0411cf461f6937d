#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/security.h"

namespace lrti::v1 {
class SyncRequest;
class SyncResponse;
class AppendSpoolRequest;
class AppendSpoolResponse;
}  // namespace lrti::v1

namespace lrti::worker {

/// The two calls of lrti.v1.Agents (proto/lrti/v1/worker.proto). Thread-safe.
class AgentsClient {
 public:
  virtual ~AgentsClient() = default;

  /// Errors: Aborted when a newer agent of the same name has taken over; Unavailable and
  /// DeadlineExceeded when the coordinator is away.
  virtual absl::StatusOr<v1::SyncResponse> Sync(const v1::SyncRequest& request) = 0;

  /// Errors: NotFound when the coordinator does not know the job; else as Sync.
  virtual absl::StatusOr<v1::AppendSpoolResponse> AppendSpool(
      const v1::AppendSpoolRequest& request) = 0;
};

/// Over gRPC. Every call ends by `deadline`. Errors: as rpc::MakeChannel and rpc::ReadToken.
absl::StatusOr<std::unique_ptr<AgentsClient>> MakeGrpcAgents(const std::string& coordinator,
                                                             const rpc::Security& security,
                                                             absl::Duration deadline);

}  // namespace lrti::worker
