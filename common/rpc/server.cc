#include "common/rpc/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <utility>

#include "common/base/status.h"
#include "common/rpc/credentials.h"
#include "common/rpc/limits.h"

namespace lrti::rpc {
namespace {

constexpr std::chrono::milliseconds kGrace{500};

void EnablePlugins() {
  static const bool once = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)once;
}

}  // namespace

struct Server::Parts {
  std::vector<std::string> names;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options) {
  EnablePlugins();
  LRTI_RETURN_IF_ERROR(CheckFiles(options.security));
  auto parts = std::make_unique<Parts>();
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options.listen, MakeServerCredentials(options.security), &parts->port);
  for (const auto& [name, service] : options.services) {
    builder.RegisterService(service);
    parts->names.push_back(name);
  }
  grpc::ResourceQuota threads("threads");
  threads.SetMaxThreads(options.threads_max);
  builder.SetResourceQuota(threads);
  builder.SetMaxReceiveMessageSize(options.message_bytes_max);
  builder.SetMaxSendMessageSize(options.message_bytes_max);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT,
                             0);  // a second server must not share the port
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.streams_max);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kKeepaliveLeastMs);
  parts->server = builder.BuildAndStart();
  if (parts->server == nullptr || parts->port == 0) {
    return Error(absl::StatusCode::kUnavailable,
                 "cannot listen on {}: it is taken, or no address of this host", options.listen);
  }
  std::unique_ptr<Server> server(new Server(std::move(parts)));
  server->SetServing(true);
  return server;
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() {
  parts_->server->Shutdown(std::chrono::system_clock::now() + kGrace);
  parts_->server->Wait();
}

uint16_t Server::port() const { return static_cast<uint16_t>(parts_->port); }

void Server::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* const health = parts_->server->GetHealthCheckService();
  health->SetServingStatus(serving);
  for (const std::string& name : parts_->names) health->SetServingStatus(name, serving);
}

}  // namespace lrti::rpc
