#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "CLI/CLI.hpp"
#include "common/base/files.h"
#include "common/base/status.h"
#include "services/coordinator/config.h"
#include "services/coordinator/program.h"
#include "services/shell/config_flags.h"
#include "services/shell/end_signals.h"

namespace lrti::coordinator {
namespace {

constexpr int kFailure = 1, kBadInput = 2, kInterrupted = 130;

int Report(const absl::Status& status) {
  std::fprintf(stderr, "lrti-coordinator: %s\n", Message(status).c_str());
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) ? kBadInput : kFailure;
}

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void AddFlags(shell::ConfigFlags& flags) {
  flags.AddText("--listen", "listen", "HOST:PORT of the gRPC services");
  flags.AddText("--http", "http", "HOST:PORT of /metrics, /livez, /readyz");
  flags.AddText("--state", "state", "Folder of the journal and the logs");
  flags.AddText("--runs", "jobs.runs", "Folder of the jobs' run directories");
  flags.AddTexts("--cache", "cache", "Node of lrti-cache given to jobs (may be repeated)");
  flags.AddText("--tokens", "tokens", "File of the tokens that are accepted");
}

/// Puts folders in place of empty ones. Errors: InvalidArgument without a home.
absl::Status ChooseFolders(ProgramConfig& config) {
  if (config.state.empty()) {
    const std::string home = Variable("HOME");
    std::string base = Variable("XDG_STATE_HOME");
    if (base.empty() && !home.empty()) base = home + "/.local/state";
    if (base.empty()) {
      return InvalidArgument("state: neither XDG_STATE_HOME nor HOME is set; name a folder");
    }
    config.state = base + "/lrti/coordinator";
  }
  if (config.jobs.runs.empty()) config.jobs.runs = JoinPath(config.state, "runs");
  return absl::OkStatus();
}

int Serve(const ProgramConfig& config) {
  const shell::EndSignals signals;
  auto program = Program::Start(config);
  if (!program.ok()) return Report(program.status());
  std::fputs((*program)->Describe().c_str(), stdout);
  std::fflush(stdout);
  const int signal = signals.Wait();
  program->reset();
  return signal == SIGINT ? kInterrupted : 0;
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadInput;
  }
  auto config = shell::LoadConfig(flags, ParseProgramConfig);
  if (!config.ok()) return Report(config.status());
  if (flags.Answer(*config, "lrti-coordinator config")) return 0;
  if (const absl::Status chosen = ChooseFolders(*config); !chosen.ok()) return Report(chosen);
  return Serve(*config);
}

}  // namespace
}  // namespace lrti::coordinator

int main(int argc, char** argv) { return lrti::coordinator::Main(argc, argv); }
