#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "services/coordinator/access/access.h"

namespace grpc {
class ServerContext;
}

namespace lrti::coordinator {

/// Who makes the call, by the token in its `authorization` metadata. Errors: as Access::Identify.
absl::StatusOr<Caller> CallerOf(const grpc::ServerContext& context, const Access& access,
                                const std::string& claimed);

}  // namespace lrti::coordinator
