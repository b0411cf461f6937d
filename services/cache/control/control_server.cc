#include "services/cache/control/control_server.h"

#include <google/protobuf/duration.pb.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <vector>

#include "common/base/status.h"
#include "lrti/v1/cache.grpc.pb.h"
#include "services/cache/control/membership.h"

namespace lrti::cache {
namespace {

constexpr int kMessageBytesMax = 64 << 10;
constexpr std::chrono::milliseconds kGrace{500};
constexpr const char* kServiceName = "lrti.v1.Cache";

// How often each method ended how.
class Calls {
 public:
  void Count(const std::string& method, grpc::StatusCode code) {
    MutexLock lock(mutex_);
    ++counts_[{method, NameOf(code)}];
  }
  std::map<std::pair<std::string, std::string>, uint64_t> Get() const {
    MutexLock lock(mutex_);
    return counts_;
  }

 private:
  static std::string NameOf(grpc::StatusCode code) {
    switch (code) {
      case grpc::OK:
        return "OK";
      case grpc::CANCELLED:
        return "Cancelled";
      case grpc::INVALID_ARGUMENT:
        return "InvalidArgument";
      case grpc::NOT_FOUND:
        return "NotFound";
      case grpc::RESOURCE_EXHAUSTED:
        return "ResourceExhausted";
      case grpc::UNAVAILABLE:
        return "Unavailable";
      default:
        return "Unknown";
    }
  }

  mutable Mutex mutex_;
  std::map<std::pair<std::string, std::string>, uint64_t> counts_ ABSL_GUARDED_BY(mutex_);
};

// Their codes have the same numbers.
grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), Message(status)};
}

void Fill(const Membership::View& view, v1::Membership& message) {
  message.set_epoch(view.epoch);
  v1::Membership::Node& node = *message.add_nodes();
  node.set_incarnation(view.self.incarnation);
  node.set_endpoint(view.self.endpoint);
  node.set_unix_path(view.self.unix_path);
  node.set_weight(view.self.weight);
}

// One stream of WatchMembership. At most one write is under way; changes during it make one more.
// It deletes itself when gRPC is done with it; who calls it meanwhile holds it by its Handle.
class Watcher final : public grpc::ServerWriteReactor<v1::Membership> {
 public:
  struct Handle {
    Mutex mutex;
    Watcher* watcher ABSL_GUARDED_BY(mutex) = nullptr;
  };

  Watcher(Membership& membership, Calls& calls)
      : membership_(membership), calls_(calls), handle_(std::make_shared<Handle>()) {
    {
      MutexLock lock(handle_->mutex);
      handle_->watcher = this;
    }
    id_ = membership_.Watch(ControlServer::kWatchersMax, [handle = handle_] {
      MutexLock lock(handle->mutex);
      if (handle->watcher != nullptr) handle->watcher->Advance();
    });
    MutexLock lock(handle_->mutex);
    if (id_) {
      Advance();
    } else {
      End(ToGrpc(Error(absl::StatusCode::kResourceExhausted, "{} watchers are there already",
                       ControlServer::kWatchersMax)));
    }
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(handle_->mutex);
    writing_ = false;
    if (ok) {
      Advance();
    } else {
      End(grpc::Status::CANCELLED);
    }
  }
  void OnCancel() override {
    MutexLock lock(handle_->mutex);
    End(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    if (id_) membership_.Leave(*id_);
    {
      MutexLock lock(handle_->mutex);
      handle_->watcher = nullptr;
    }
    delete this;
  }

 private:
  // REQUIRES, as End: the handle's lock, which the analysis cannot see through the pointer.
  void Advance() {
    if (writing_ || ended_) return;
    const Membership::View view = membership_.Get();
    if (view.closing) return End({grpc::UNAVAILABLE, "the node is going away"});
    if (view.epoch == sent_epoch_) return;
    sent_epoch_ = view.epoch;
    message_.Clear();
    Fill(view, message_);
    writing_ = true;
    StartWrite(&message_);
  }
  void End(const grpc::Status& status) {
    if (ended_) return;
    ended_ = true;
    calls_.Count("WatchMembership", status.error_code());
    Finish(status);
  }

  Membership& membership_;
  Calls& calls_;
  const std::shared_ptr<Handle> handle_;
  std::optional<uint64_t> id_;
  v1::Membership message_;
  uint64_t sent_epoch_ = 0;
  bool writing_ = false;
  bool ended_ = false;
};

class Service final : public v1::Cache::CallbackService {
 public:
  Service(Engine& engine, const Member& self) : engine_(engine), membership_(self) {}

  grpc::ServerUnaryReactor* RegisterJob(grpc::CallbackServerContext* context,
                                        const v1::RegisterJobRequest* request,
                                        v1::RegisterJobResponse*) override {
    if (request->state_bytes_size() > static_cast<int>(StateTable::kClassesMax)) {
      return Answer(context, "RegisterJob",
                    InvalidArgument("state_bytes: {} sizes, beyond {}", request->state_bytes_size(),
                                    StateTable::kClassesMax));
    }
    const std::vector<uint64_t> sizes(request->state_bytes().begin(), request->state_bytes().end());
    return Answer(context, "RegisterJob",
                  engine_.RegisterJob(request->job(), request->token(), sizes));
  }

  grpc::ServerUnaryReactor* AdvanceStep(grpc::CallbackServerContext* context,
                                        const v1::AdvanceStepRequest* request,
                                        v1::AdvanceStepResponse*) override {
    if (!request->has_now()) return Answer(context, "AdvanceStep", InvalidArgument("now: missing"));
    const v1::Rule& now = request->now();
    const hidden_state::Rule rule{.lineage = now.lineage(),
                                  .step = now.step(),
                                  .staleness_steps_max = now.staleness_steps_max()};
    return Answer(context, "AdvanceStep", engine_.AdvanceStep(request->job(), rule));
  }

  grpc::ServerUnaryReactor* Invalidate(grpc::CallbackServerContext* context,
                                       const v1::InvalidateRequest* request,
                                       v1::InvalidateResponse*) override {
    engine_.Invalidate(request->job());
    return Answer(context, "Invalidate", absl::OkStatus());
  }

  grpc::ServerUnaryReactor* Drain(grpc::CallbackServerContext* context, const v1::DrainRequest*,
                                  v1::DrainResponse* response) override {
    BeginDrain();
    response->set_clients(engine_.GetStats().clients);
    return Answer(context, "Drain", absl::OkStatus());
  }

  grpc::ServerUnaryReactor* Stats(grpc::CallbackServerContext* context, const v1::StatsRequest*,
                                  v1::StatsResponse* response) override;

  grpc::ServerWriteReactor<v1::Membership>* WatchMembership(
      grpc::CallbackServerContext*, const v1::WatchMembershipRequest*) override {
    auto* const watcher = new Watcher(membership_, calls_);  // gRPC's OnDone deletes it
    return watcher;
  }

  void BeginDrain() {
    engine_.Drain();
    membership_.SetWeight(0);
    if (health_ != nullptr) health_->SetServingStatus(false);
  }

  void Close() { membership_.Close(); }

  void SetHealth(grpc::HealthCheckServiceInterface* health) {
    health_ = health;
    health_->SetServingStatus(true);
    health_->SetServingStatus(kServiceName, true);
  }

  const Calls& calls() const { return calls_; }

 private:
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const std::string& method,
                                   const absl::Status& status) {
    const grpc::Status answer = ToGrpc(status);
    calls_.Count(method, answer.error_code());
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(answer);
    return reactor;
  }

  Engine& engine_;
  Membership membership_;
  Calls calls_;
  grpc::HealthCheckServiceInterface* health_ = nullptr;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

grpc::ServerUnaryReactor* Service::Stats(grpc::CallbackServerContext* context,
                                         const v1::StatsRequest*, v1::StatsResponse* response) {
  const EngineStats stats = engine_.GetStats();
  response->set_incarnation(membership_.Get().self.incarnation);
  response->set_draining(engine_.draining());
  response->set_pool_bytes(stats.pool_bytes);
  response->set_used_bytes(stats.states.pool_bytes);
  response->set_leased_bytes(stats.states.leased_bytes);
  response->set_states(stats.states.entries);
  response->set_jobs(stats.jobs);
  response->set_clients(stats.clients);
  response->mutable_uptime()->set_seconds(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start_)
          .count());
  response->set_hits(stats.hits);
  response->set_misses(stats.misses);
  response->set_stale(stats.stale);
  response->set_stored(stats.stored);
  response->set_refused_stale(stats.refused_stale);
  response->set_refused_space(stats.refused_space);
  response->set_refused_quota(stats.refused_quota);
  response->set_refused_bad(stats.refused_bad);
  response->set_corrupt(stats.corrupt);
  response->set_evicted(stats.states.evicted);
  response->set_expired(stats.states.expired);
  response->set_demoted(stats.demoted);
  response->set_fetched(stats.fetched);
  return Answer(context, "Stats", absl::OkStatus());
}

}  // namespace

struct ControlServer::Parts {
  Parts(Engine& engine, const Member& self) : service(engine, self) {}

  Service service;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Start(const Options& options,
                                                                    Engine& engine) {
  static const bool plugins = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)plugins;
  auto parts = std::make_unique<Parts>(engine, options.self);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options.listen, grpc::InsecureServerCredentials(), &parts->port);
  builder.RegisterService(&parts->service);
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  builder.SetMaxSendMessageSize(kMessageBytesMax);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a second node must not share the port
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 2 * static_cast<int>(kWatchersMax));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  parts->server = builder.BuildAndStart();
  if (parts->server == nullptr || parts->port == 0) {
    return Error(absl::StatusCode::kUnavailable,
                 "control: cannot listen on {}: it is taken, or no address of this host",
                 options.listen);
  }
  parts->service.SetHealth(parts->server->GetHealthCheckService());
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(parts)));
}

ControlServer::ControlServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

ControlServer::~ControlServer() {
  parts_->service.Close();
  parts_->server->Shutdown(std::chrono::system_clock::now() + kGrace);
  parts_->server->Wait();
}

uint16_t ControlServer::port() const { return static_cast<uint16_t>(parts_->port); }

void ControlServer::Drain() { parts_->service.BeginDrain(); }

std::map<std::pair<std::string, std::string>, uint64_t> ControlServer::GetCalls() const {
  return parts_->service.calls().Get();
}

}  // namespace lrti::cache
