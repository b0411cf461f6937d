#include "services/worker/program.h"

#include <utility>

#include "common/base/status.h"
#include "services/http/process_metrics.h"
#include "services/shell/program.h"
#include "services/worker/metrics.h"

namespace lrti::worker {
namespace {

constexpr const char* kName = "lrti-worker";

}  // namespace

absl::StatusOr<std::unique_ptr<Program>> Program::Start(
    const WorkerConfig& config, std::function<void(const std::string&)> warn,
    std::function<void()> replaced) {
  LRTI_ASSIGN_OR_RETURN(Spool spool, Spool::Open(config.spool));
  std::unique_ptr<Program> program(new Program(config, std::move(spool)));
  LRTI_RETURN_IF_ERROR(program->StartAll(std::move(warn), std::move(replaced)));
  return program;
}

absl::Status Program::StartAll(std::function<void(const std::string&)> warn,
                               std::function<void()> replaced) {
  LRTI_ASSIGN_OR_RETURN(lock_, LockSpool(spool_));
  LRTI_ASSIGN_OR_RETURN(inventory_, FindDevices(config_));
  settings_ = SettingsOf(config_, kVersion);
  settings_.gpus = inventory_->gpus();
  LRTI_ASSIGN_OR_RETURN(const std::string own, OwnPath());
  processes_ = std::make_unique<ShimProcesses>(own);
  LRTI_ASSIGN_OR_RETURN(
      client_, MakeGrpcAgents(config_.coordinator, config_.security, config_.call_timeout));
  const uint64_t incarnation = NextIncarnation(spool_, clock_.Now(), warn);
  LRTI_ASSIGN_OR_RETURN(
      loop_, AgentLoop::Start(
                 Machine{settings_, spool_, *processes_, *inventory_, clock_, std::move(warn)},
                 *client_, {.incarnation = incarnation, .replaced = std::move(replaced)}));
  return shell::ExplainTaken(StartHttp(), kName, "http.listen");
}

absl::Status Program::StartHttp() {
  if (config_.http.listen.empty()) return absl::OkStatus();
  const auto coordinator = [this] {
    const AgentStats stats = loop_->GetStats();
    if (stats.answer_age == absl::InfiniteDuration() && stats.link.ok()) {
      return absl::UnavailableError("it was not asked yet");
    }
    return stats.link;
  };
  const auto ranks = [this] {
    const std::string trouble = loop_->GetStats().trouble;
    return trouble.empty() ? absl::OkStatus() : absl::UnavailableError(trouble);
  };
  LRTI_ASSIGN_OR_RETURN(
      http_,
      http::Server::Start({.listen = config_.http.listen,
                           .component = kName,
                           .version = kVersion,
                           .metrics = {std::make_shared<http::ProcessMetrics>(kName, kVersion),
                                       WorkerMetrics(*loop_)},
                           .checks = {{"coordinator", coordinator}, {"ranks", ranks}}}));
  return absl::OkStatus();
}

std::string Program::Describe() const {
  std::string text = fmt::format("{} {} works as {}\n", kName, kVersion, config_.name);
  const auto line = [&text](const char* what, const std::string& where) {
    text += fmt::format("  {:<12}{}\n", what, where);
  };
  line("coordinator", config_.coordinator);
  if (const auto devices = inventory_->List(); devices.ok() && !devices->empty()) {
    line("devices", fmt::format("{} x {}", devices->size(), devices->front().model));
  }
  line("trainer", config_.trainer);
  line("spool", spool_.root());
  if (http_) {
    const std::string& listen = config_.http.listen;
    line("http",
         fmt::format("http://{}:{}/metrics", listen.substr(0, listen.rfind(':')), http_->port()));
  }
  return text;
}

}  // namespace lrti::worker
