#include "services/cache/control/control_server.h"

#include <google/protobuf/duration.pb.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <vector>

#include "common/base/status.h"
#include "common/rpc/calls.h"
#include "common/rpc/server.h"
#include "common/rpc/status.h"
#include "lrti/v1/cache.grpc.pb.h"
#include "services/cache/control/membership.h"

namespace lrti::cache {
namespace {

constexpr int kMessageBytesMax = 64 << 10;
constexpr const char* kServiceName = "lrti.v1.Cache";

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

  Watcher(Membership& membership, rpc::Calls& calls)
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
      End(rpc::ToGrpc(Error(absl::StatusCode::kResourceExhausted, "{} watchers are there already",
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
  rpc::Calls& calls_;
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

  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const v1::ListCacheJobsRequest*,
                                     v1::ListCacheJobsResponse* response) override {
    for (const JobStats& job : engine_.GetJobs()) {
      v1::CacheJob& message = *response->add_jobs();
      message.set_job(job.job);
      message.set_states(job.held.states);
      message.set_bytes(job.held.bytes);
      message.set_clients(job.clients);
    }
    return Answer(context, "ListJobs", absl::OkStatus());
  }

  grpc::ServerWriteReactor<v1::Membership>* WatchMembership(
      grpc::CallbackServerContext*, const v1::WatchMembershipRequest*) override {
    auto* const watcher = new Watcher(membership_, calls_);  // gRPC's OnDone deletes it
    return watcher;
  }

  void BeginDrain() {
    engine_.Drain();
    membership_.SetWeight(0);
    TellHealth();
  }

  // Calls may come before it.
  void SetServer(rpc::Server& server) {
    server_ = &server;
    TellHealth();
  }

  void Close() { membership_.Close(); }

  const rpc::Calls& calls() const { return calls_; }

 private:
  void TellHealth() {
    rpc::Server* const server = server_;
    if (server != nullptr && engine_.draining()) server->SetServing(false);
  }

  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const std::string& method,
                                   const absl::Status& status) {
    const grpc::Status answer = rpc::ToGrpc(status);
    calls_.Count(method, answer.error_code());
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(answer);
    return reactor;
  }

  Engine& engine_;
  Membership membership_;
  rpc::Calls calls_;
  std::atomic<rpc::Server*> server_ = nullptr;
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
  std::unique_ptr<rpc::Server> server;
};

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Start(const Options& options,
                                                                    Engine& engine) {
  auto parts = std::make_unique<Parts>(engine, options.self);
  auto server = rpc::Server::Start({.listen = options.listen,
                                    .security = {},
                                    .services = {{kServiceName, &parts->service}},
                                    .message_bytes_max = kMessageBytesMax});
  if (!server.ok()) return Prefixed(server.status(), "control");
  parts->server = *std::move(server);
  parts->service.SetServer(*parts->server);
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(parts)));
}

ControlServer::ControlServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

ControlServer::~ControlServer() {
  parts_->service.Close();
  parts_->server.reset();
}

uint16_t ControlServer::port() const { return parts_->server->port(); }

void ControlServer::Drain() { parts_->service.BeginDrain(); }

std::map<std::pair<std::string, std::string>, uint64_t> ControlServer::GetCalls() const {
  return parts_->service.calls().Get();
}

}  // namespace lrti::cache
