#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/security.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace lrti::rpc {

/// A channel to `host:port`. It connects when it is first used, and again by itself.
/// Errors: InvalidArgument for certificates that are missing or a target without port.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& target,
                                                           const Security& security);

/// Gives a call its deadline and, where there is one, its token.
void Prepare(grpc::ClientContext& context, absl::Duration deadline, const std::string& token);

}  // namespace lrti::rpc
