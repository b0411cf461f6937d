#include "services/coordinator/config.h"

#include <set>

#include "common/base/status.h"
#include "common/config/load.h"
#include "common/config/override.h"
#include "common/rpc/address.h"

namespace lrti::coordinator {
namespace {

// Certificates are gRPC's alone.
void CheckHttp(const ProgramConfig& config, config::Findings& findings) {
  if (config.http.empty()) return;
  if (!rpc::IsIpAddress(rpc::HostOf(config.http))) {
    findings.Add("http", 0,
                 fmt::format("'{}' is no IP address and port such as 127.0.0.1:7431", config.http));
  } else if (!config.insecure && !rpc::IsLoopback(config.http)) {
    findings.Add(
        "http", 0,
        fmt::format("other hosts can connect to {}, and it asks for no password: listen on "
                    "127.0.0.1, or set insecure: true (--insecure) where you trust the "
                    "network",
                    config.http));
  }
}

void CheckTogether(const ProgramConfig& config, config::Findings& findings) {
  const absl::Status listen = rpc::CheckListen(config.listen, config.security);
  if (!listen.ok()) findings.Add("listen", 0, Message(listen));
  CheckHttp(config, findings);
  const absl::Status files = rpc::CheckFiles(config.security);
  if (!files.ok()) findings.Add("security", 0, Message(files));
  std::set<std::string> names;
  for (const QueueConfig& queue : config.queues) {
    if (!names.insert(queue.name).second) {
      findings.Add("queues", 0, fmt::format("'{}' stands there twice", queue.name));
    }
  }
  if (config.agents.lease < 2 * config.agents.period) {
    findings.Add("agents.lease", 0, "one lost report would lose an agent: at least 2 x period");
  }
  if (config.agents.lost_grace < config.agents.lease) {
    findings.Add("agents.lost_grace", 0, "shorter than agents.lease");
  }
}

}  // namespace

absl::StatusOr<ProgramConfig> ParseProgramConfig(const std::string& yaml,
                                                 const std::vector<std::string>& overrides) {
  LRTI_ASSIGN_OR_RETURN(config::Node root, config::ParseYaml(yaml));
  for (const std::string& assignment : overrides) {
    LRTI_RETURN_IF_ERROR(config::Override(assignment, root));
  }
  config::Findings findings;
  ProgramConfig config = config::Load<ProgramConfig>(root, findings);
  if (findings.ToStatus().ok()) CheckTogether(config, findings);
  LRTI_RETURN_IF_ERROR(findings.ToStatus());
  return config;
}

Rules RulesOf(const ProgramConfig& config) {
  Rules rules;
  for (const QueueConfig& queue : config.queues) rules.queues[queue.name] = {queue.gpus_max};
  rules.jobs_waiting_max = config.jobs.waiting_max;
  rules.runs_dir = config.jobs.runs;
  rules.lease = config.agents.lease;
  rules.sync_period = config.agents.period;
  rules.lost_grace = config.agents.lost_grace;
  rules.start_timeout = config.agents.start_timeout;
  rules.backoff_first = config.jobs.backoff_first;
  rules.backoff_max = config.jobs.backoff_max;
  return rules;
}

}  // namespace lrti::coordinator
