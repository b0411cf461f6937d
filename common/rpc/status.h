#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace lrti::rpc {

/// Their codes have the same numbers and meanings. Details travel as the message.
grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

/// `OK`, `InvalidArgument`, ...: the words that gRPC's usual metrics use.
std::string CodeName(grpc::StatusCode code);

}  // namespace lrti::rpc
