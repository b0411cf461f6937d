#include "common/rpc/status.h"

#include <array>
#include <string_view>

#include "common/base/status.h"

namespace lrti::rpc {
namespace {

constexpr std::array<std::string_view, 17> kCodes = {
    "OK",       "Cancelled",      "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), Message(status)};
}

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

std::string CodeName(grpc::StatusCode code) {
  const auto index = static_cast<size_t>(code);
  return std::string(index < kCodes.size() ? kCodes[index] : "Unknown");
}

}  // namespace lrti::rpc
