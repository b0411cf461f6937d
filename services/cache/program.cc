#include "services/cache/program.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "common/base/status.h"
#include "services/cache/host.h"
#include "services/cache/metrics.h"
#include "services/http/process_metrics.h"
#include "services/shell/program.h"

namespace lrti::cache {
namespace {

constexpr const char* kName = "lrti-cache";

}  // namespace

absl::StatusOr<std::unique_ptr<Program>> Program::Start(
    const ProgramConfig& config, std::function<void(const std::string&)> warn) {
  std::unique_ptr<Program> program(new Program(config));
  LRTI_RETURN_IF_ERROR(program->StartAll(warn));
  return program;
}

absl::Status Program::StartAll(const std::function<void(const std::string&)>& warn) {
  if (!config_.redis.endpoint.empty()) {
    LRTI_ASSIGN_OR_RETURN(redis_, RedisTier::Start(config_.redis, warn));
  }
  LRTI_RETURN_IF_ERROR(shell::ExplainTaken(StartNode(), kName, "data.listen, data.socket"));
  LRTI_RETURN_IF_ERROR(shell::ExplainTaken(StartControl(), kName, "control.listen"));
  return shell::ExplainTaken(StartHttp(), kName, "http.listen");
}

absl::Status Program::StartNode() {
  const DataConfig& data = config_.data;
  const auto cores = static_cast<int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  LRTI_ASSIGN_OR_RETURN(
      node_,
      Node::Start({.listen = data.listen,
                   .unix_path = data.socket,
                   .engine = {.pool_bytes = config_.pool.mib == 0
                                                ? DefaultPoolBytes(HostMemoryBytes())
                                                : static_cast<uint64_t>(config_.pool.mib) * kMiB,
                              .extent_bytes = static_cast<uint64_t>(config_.pool.extent_mib) * kMiB,
                              .open_jobs = OpenJobs(config_)},
                   .tier = redis_,
                   .threads = static_cast<int>(data.threads == 0 ? cores : data.threads)}));
  return absl::OkStatus();
}

absl::Status Program::StartControl() {
  if (config_.control.listen.empty()) return absl::OkStatus();
  LRTI_ASSIGN_OR_RETURN(
      control_,
      ControlServer::Start({.listen = config_.control.listen,
                            .self = {.incarnation = node_->incarnation(),
                                     .endpoint = shell::Bound(config_.data.listen, node_->port()),
                                     .unix_path = node_->socket_path()}},
                           node_->engine()));
  return absl::OkStatus();
}

absl::Status Program::StartHttp() {
  if (config_.http.listen.empty()) return absl::OkStatus();
  const auto serving = [this] {
    return node_->engine().draining() ? absl::UnavailableError("draining") : absl::OkStatus();
  };
  LRTI_ASSIGN_OR_RETURN(
      http_,
      http::Server::Start({.listen = config_.http.listen,
                           .component = kName,
                           .version = kVersion,
                           .metrics = {std::make_shared<http::ProcessMetrics>(kName, kVersion),
                                       CacheMetrics(*node_, redis_.get(), control_.get())},
                           .checks = {{"serving", serving}}}));
  return absl::OkStatus();
}

std::string Program::Describe() const {
  const uint64_t pool = node_->GetStats().engine.pool_bytes;
  std::string text = fmt::format("{} {} serves\n", kName, kVersion);
  const auto line = [&text](const char* what, const std::string& where) {
    if (!where.empty()) text += fmt::format("  {:<9}{}\n", what, where);
  };
  line("data", shell::Bound(config_.data.listen, node_->port()));
  line("socket", node_->socket_path());
  if (control_) line("control", shell::Bound(config_.control.listen, control_->port()));
  if (http_) {
    line("http",
         fmt::format("http://{}/metrics", shell::Bound(config_.http.listen, http_->port())));
  }
  line("pool", fmt::format("{} MiB", pool / kMiB));
  line("jobs", OpenJobs(config_) ? "open: a job's first client sets its token" : "registered");
  line("redis", config_.redis.endpoint.empty() ? "none" : config_.redis.endpoint);
  return text;
}

void Program::Drain() {
  node_->Drain();
  if (control_) control_->Drain();
}

}  // namespace lrti::cache
