#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "common/base/files.h"
#include "common/base/places.h"
#include "common/base/status.h"
#include "services/cache/host.h"
#include "services/cache/program.h"
#include "services/shell/config_flags.h"
#include "services/shell/end_signals.h"
#include "services/shell/program.h"

namespace lrti::cache {
namespace {

constexpr const char* kProgram = "lrti-cache";

void Warn(const std::string& news) { std::fprintf(stderr, "lrti-cache: %s\n", news.c_str()); }

void AddFlags(shell::ConfigFlags& flags) {
  flags.AddText("--listen", "data.listen", "HOST:PORT of the data plane");
  flags.AddText("--socket", "data.socket", "PATH of the Unix socket for clients on this host");
  flags.AddText("--control", "control.listen", "HOST:PORT of the control plane (gRPC)");
  flags.AddText("--http", "http.listen", "HOST:PORT of /metrics, /livez, /readyz");
  flags.AddText("--redis", "redis.endpoint", "HOST:PORT or unix:/PATH of the second tier");
  flags.AddInteger("--pool-mib", "pool.mib", "Memory for states");
  flags.AddSwitch("--insecure", "insecure",
                  "Allow addresses that other hosts can connect to, though nothing is encrypted");
}

// Puts the path in place of `auto`.
absl::Status ChooseSocket(ProgramConfig& config) {
  if (config.data.socket != "auto") return absl::OkStatus();
  LRTI_ASSIGN_OR_RETURN(config.data.socket, DefaultSocketPath(ProcessVariable));
  return MakePrivateFolder(FolderOf(config.data.socket));
}

// Lets clients leave; a second signal ends the waiting.
void Drain(Program& program, const shell::EndSignals& signals, absl::Duration longest) {
  program.Drain();
  constexpr timespec kLook{.tv_sec = 0, .tv_nsec = 20'000'000};
  const absl::Time end = absl::Now() + longest;
  while (program.lanes() > 0 && absl::Now() < end) {
    if (sigtimedwait(&signals.set(), nullptr, &kLook) > 0) return;
  }
}

int Serve(ProgramConfig config) {
  const shell::EndSignals signals;
  const absl::Status chosen = ChooseSocket(config);
  if (!chosen.ok()) return shell::Report(kProgram, chosen);
  auto program = Program::Start(config, Warn);
  if (!program.ok()) return shell::Report(kProgram, program.status());
  std::fputs((*program)->Describe().c_str(), stdout);
  std::fflush(stdout);
  const int signal = signals.Wait();
  Drain(**program, signals, config.drain);
  program->reset();
  return signal == SIGINT ? shell::kInterrupted : shell::kDone;
}

int Main(int argc, char** argv) {
  CLI::App app{
      "Keeps the hidden states of long passes in memory, for trainers on this host and "
      "others."};
  app.name("lrti-cache");
  app.set_version_flag("--version", std::string("lrti-cache ") + kVersion);
  app.footer(
      "Begin with:\n"
      "  lrti-cache                       serve this host alone, with a tenth of its memory\n"
      "  lrti-cache --print-config        all that can be set, as YAML\n"
      "  lrti-cache --config cache.yaml   serve as the file says\n"
      "SIGTERM lets clients leave and ends it.\n"
      "Exit codes: 0 done, 1 failure (an address is taken, no memory), 2 bad flags or config, 130 "
      "interrupted.");
  shell::ConfigFlags flags(app);
  AddFlags(flags);
  int exit_code = shell::kDone;
  if (!shell::ParseFlags(app, argc, argv, exit_code)) return exit_code;
  const auto config = shell::LoadConfig(flags, ParseProgramConfig);
  if (!config.ok()) return shell::Report(kProgram, config.status());
  return flags.Answer(*config, "lrti-cache config") ? 0 : Serve(*config);
}

}  // namespace
}  // namespace lrti::cache

int main(int argc, char** argv) { return lrti::cache::Main(argc, argv); }
