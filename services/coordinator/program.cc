#include "services/coordinator/program.h"

#include <grpcpp/impl/codegen/service_type.h>
#include <sys/stat.h>

#include <cstdio>
#include <random>

#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "services/coordinator/api/agents_service.h"
#include "services/coordinator/api/jobs_service.h"
#include "services/coordinator/metrics.h"
#include "services/http/process_metrics.h"
#include "services/shell/program.h"

namespace lrti::coordinator {
namespace {

constexpr const char* kName = "lrti-coordinator";
constexpr uint64_t kTokensBytesMax = uint64_t{1} << 20;
constexpr size_t kSecretBytesMax = 256;

absl::StatusOr<Access> ReadAccess(const std::string& path) {
  if (path.empty()) return Access();
  LRTI_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kTokensBytesMax));
  auto access = Access::Parse(text);
  return access.ok() ? access : Prefixed(access.status(), path);
}

// A word of this installation that nobody else knows; made once.
absl::StatusOr<std::string> ReadOrMakeSecret(const std::string& path) {
  auto secret = ReadFile(path, kSecretBytesMax);
  if (!absl::IsNotFound(secret.status())) return secret;
  std::random_device device;
  std::string words;
  for (int i = 0; i < 8; ++i) words += std::to_string(device()) + " ";
  const std::string made = Sha256Hex(words);
  const mode_t before = ::umask(077);
  const absl::Status written = WriteFileAtomic(path, made);
  ::umask(before);
  LRTI_RETURN_IF_ERROR(written);
  return made;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Program>> Program::Start(const ProgramConfig& config) {
  std::unique_ptr<Program> program(new Program(config));
  LRTI_RETURN_IF_ERROR(program->StartAll());
  return program;
}

Program::Program(const ProgramConfig& config)
    : config_(config),
      spool_(JoinPath(config.state, "logs"), static_cast<uint64_t>(config.jobs.log_mib_max) << 20) {
}

Program::~Program() {
  if (engine_) engine_->Stop();  // ends streams that wait for changes
  server_.reset();
  http_.reset();
}

absl::Status Program::StartAll() {
  LRTI_ASSIGN_OR_RETURN(access_, ReadAccess(config_.tokens));
  LRTI_ASSIGN_OR_RETURN(journal_, Journal::Open(config_.state));
  LRTI_ASSIGN_OR_RETURN(audit_, Audit::Open(JoinPath(config_.state, "audit.jsonl")));
  const auto forget = [this](const std::string& job) { ForgetLogs(job); };
  LRTI_ASSIGN_OR_RETURN(
      engine_,
      Engine::Start(*journal_, clock_, {.rules = RulesOf(config_), .on_forgotten = forget}));
  LRTI_RETURN_IF_ERROR(shell::ExplainTaken(StartRpc(), kName, "listen"));
  return shell::ExplainTaken(StartHttp(), kName, "http");
}

void Program::ForgetLogs(const std::string& job) {
  const absl::Status removed = spool_.Remove(job);
  if (removed.ok()) return;
  std::fprintf(stderr, "%s: logs of forgotten job %s: %s\n", kName, job.c_str(),
               Message(removed).c_str());
}

absl::Status Program::StartRpc() {
  LRTI_ASSIGN_OR_RETURN(const std::string secret,
                        ReadOrMakeSecret(JoinPath(config_.state, "cache-secret")));
  const Parts parts{.engine = *engine_,
                    .spool = spool_,
                    .access = access_,
                    .audit = *audit_,
                    .clock = clock_,
                    .calls = calls_,
                    .version = kVersion,
                    .state_dir = config_.state,
                    .started = clock_.Now(),
                    .cache_endpoints = config_.cache,
                    .cache_secret = secret};
  jobs_ = MakeJobsService(parts);
  agents_ = MakeAgentsService(parts);
  LRTI_ASSIGN_OR_RETURN(server_,
                        rpc::Server::Start({.listen = config_.listen,
                                            .security = config_.security,
                                            .services = {{"lrti.v1.Coordinator", jobs_.get()},
                                                         {"lrti.v1.Agents", agents_.get()}}}));
  return absl::OkStatus();
}

absl::Status Program::StartHttp() {
  if (config_.http.empty()) return absl::OkStatus();
  const auto journal = [this] {
    const std::string trouble = engine_->trouble();
    return trouble.empty() ? absl::OkStatus()
                           : Error(absl::StatusCode::kUnavailable, "{}", trouble);
  };
  LRTI_ASSIGN_OR_RETURN(
      http_,
      http::Server::Start({.listen = config_.http,
                           .component = kName,
                           .version = kVersion,
                           .metrics = {std::make_shared<http::ProcessMetrics>(kName, kVersion),
                                       CoordinatorMetrics(*engine_, calls_)},
                           .checks = {{"journal", journal}}}));
  return absl::OkStatus();
}

std::string Program::Describe() const {
  std::string text = fmt::format("{} {} serves\n", kName, kVersion);
  const auto line = [&text](const char* what, const std::string& where) {
    text += fmt::format("  {:<9}{}\n", what, where);
  };
  line("grpc", shell::Bound(config_.listen, server_->port()));
  if (http_)
    line("http", fmt::format("http://{}/metrics", shell::Bound(config_.http, http_->port())));
  line("state", config_.state);
  line("runs", config_.jobs.runs);
  line("tokens", access_.open() ? "none: everybody who can connect is an admin" : config_.tokens);
  line("loaded", fmt::format("{:.2f} s", engine_->counts().load_seconds));
  return text;
}

}  // namespace lrti::coordinator
