#include "common/rpc/channel.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/credentials.h"
#include "common/rpc/limits.h"

namespace lrti::rpc {

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& target,
                                                           const Security& security) {
  if (target.rfind(':') == std::string::npos) {
    return InvalidArgument("'{}': an address such as 127.0.0.1:7430 is expected", target);
  }
  LRTI_RETURN_IF_ERROR(CheckFiles(security));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  return grpc::CreateCustomChannel(target, MakeChannelCredentials(security), arguments);
}

void Prepare(grpc::ClientContext& context, absl::Duration deadline, const std::string& token) {
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(deadline));
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
}

}  // namespace lrti::rpc
