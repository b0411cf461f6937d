#include "services/coordinator/api/caller.h"

#include <grpcpp/server_context.h>

namespace lrti::coordinator {

absl::StatusOr<Caller> CallerOf(const grpc::ServerContext& context, const Access& access,
                                const std::string& claimed) {
  static const std::string scheme = "Bearer ";
  std::string token;
  const auto& metadata = context.client_metadata();
  if (const auto it = metadata.find("authorization"); it != metadata.end()) {
    const std::string value(it->second.data(), it->second.size());
    if (value.starts_with(scheme)) token = value.substr(scheme.size());
  }
  return access.Identify(token, claimed);
}

}  // namespace lrti::coordinator
