#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "CLI/CLI.hpp"
#include "common/base/files.h"
#include "common/base/places.h"
#include "common/base/status.h"
#include "services/coordinator/config.h"
#include "services/coordinator/program.h"
#include "services/shell/config_flags.h"
#include "services/shell/end_signals.h"
#include "services/shell/program.h"

namespace lrti::coordinator {
namespace {

constexpr const char* kProgram = "lrti-coordinator";

void AddFlags(shell::ConfigFlags& flags) {
  flags.AddText("--listen", "listen", "HOST:PORT of the gRPC services");
  flags.AddText("--http", "http", "HOST:PORT of /metrics, /livez, /readyz");
  flags.AddText("--state", "state", "Folder of the journal and the logs");
  flags.AddText("--runs", "jobs.runs", "Folder of the jobs' run directories");
  flags.AddTexts("--cache", "cache", "Node of lrti-cache given to jobs (may be repeated)");
  flags.AddText("--tokens", "tokens", "File of the tokens that are accepted");
  flags.AddSwitch("--insecure", "insecure",
                  "Allow an HTTP address that other hosts can connect to");
}

/// Puts folders in place of empty ones. Errors: InvalidArgument without a home.
absl::Status ChooseFolders(ProgramConfig& config) {
  if (config.state.empty()) {
    const std::string base = StateFolder(ProcessVariable);
    if (base.empty()) {
      return InvalidArgument(
          "state: none of LRTI_STATE, XDG_STATE_HOME and HOME is set; name a folder");
    }
    config.state = JoinPath(base, "coordinator");
  }
  if (config.jobs.runs.empty()) config.jobs.runs = JoinPath(config.state, "runs");
  return absl::OkStatus();
}

int Serve(const ProgramConfig& config) {
  const shell::EndSignals signals;
  auto program = Program::Start(config);
  if (!program.ok()) return shell::Report(kProgram, program.status());
  std::fputs((*program)->Describe().c_str(), stdout);
  std::fflush(stdout);
  const int signal = signals.Wait();
  program->reset();
  return signal == SIGINT ? shell::kInterrupted : shell::kDone;
}

int Main(int argc, char** argv) {
  CLI::App app{"Takes training jobs and runs them on the GPUs of its agents (lrti-worker)."};
  app.name("lrti-coordinator");
  app.set_version_flag("--version", std::string("lrti-coordinator ") + kVersion);
  app.footer(
      "Begin with:\n"
      "  lrti-ctl up                            all services on this machine\n"
      "  lrti-coordinator                       the coordinator alone, on loopback\n"
      "  lrti-coordinator --print-config        all that can be set, as YAML\n"
      "Losing it stops no training: agents go on, and tell it what happened when it is back.\n"
      "Exit codes: 0 done, 1 failure (an address or the state folder is taken), 2 bad flags or "
      "config, 130 interrupted.");
  shell::ConfigFlags flags(app);
  AddFlags(flags);
  int exit_code = shell::kDone;
  if (!shell::ParseFlags(app, argc, argv, exit_code)) return exit_code;
  auto config = shell::LoadConfig(flags, ParseProgramConfig);
  if (!config.ok()) return shell::Report(kProgram, config.status());
  if (flags.Answer(*config, "lrti-coordinator config")) return 0;
  if (const absl::Status chosen = ChooseFolders(*config); !chosen.ok())
    return shell::Report(kProgram, chosen);
  return Serve(*config);
}

}  // namespace
}  // namespace lrti::coordinator

int main(int argc, char** argv) { return lrti::coordinator::Main(argc, argv); }
