#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "common/base/files.h"
#include "common/base/status.h"
#include "services/cache/host.h"
#include "services/cache/program.h"
#include "services/shell/config_flags.h"
#include "services/shell/end_signals.h"

namespace lrti::cache {
namespace {

constexpr int kFailure = 1, kBadInput = 2, kInterrupted = 130;

int Report(const absl::Status& status) {
  std::fprintf(stderr, "lrti-cache: %s\n", Message(status).c_str());
  const bool bad_input = absl::IsInvalidArgument(status) || absl::IsNotFound(status);
  return bad_input ? kBadInput : kFailure;
}

void Warn(const std::string& news) { std::fprintf(stderr, "lrti-cache: %s\n", news.c_str()); }

std::string Variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

void AddFlags(CLI::App& app, shell::ConfigFlags& flags, bool& insecure) {
  flags.AddText("--listen", "data.listen", "HOST:PORT of the data plane");
  flags.AddText("--socket", "data.socket", "PATH of the Unix socket for clients on this host");
  flags.AddText("--control", "control.listen", "HOST:PORT of the control plane (gRPC)");
  flags.AddText("--http", "http.listen", "HOST:PORT of /metrics, /livez, /readyz");
  flags.AddText("--redis", "redis.endpoint", "HOST:PORT or unix:/PATH of the second tier");
  flags.AddInteger("--pool-mib", "pool.mib", "Memory for states");
  app.add_flag("--insecure", insecure,
               "Allow addresses that other hosts can connect to, though nothing is encrypted");
}

// Puts the path in place of `auto`.
absl::Status ChooseSocket(ProgramConfig& config) {
  if (config.data.socket != "auto") return absl::OkStatus();
  LRTI_ASSIGN_OR_RETURN(config.data.socket, DefaultSocketPath(Variable));
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
  if (!chosen.ok()) return Report(chosen);
  auto program = Program::Start(config, Warn);
  if (!program.ok()) return Report(program.status());
  std::fputs((*program)->Describe().c_str(), stdout);
  std::fflush(stdout);
  const int signal = signals.Wait();
  Drain(**program, signals, config.drain);
  program->reset();
  return signal == SIGINT ? kInterrupted : 0;
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
  bool insecure = false;
  AddFlags(app, flags, insecure);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadInput;
  }
  const auto parse = [&](const std::string& yaml, std::vector<std::string> overrides) {
    if (insecure) overrides.push_back("insecure=true");
    return ParseProgramConfig(yaml, overrides);
  };
  const auto config = shell::LoadConfig(flags, parse);
  if (!config.ok()) return Report(config.status());
  return flags.Answer(*config, "lrti-cache config") ? 0 : Serve(*config);
}

}  // namespace
}  // namespace lrti::cache

int main(int argc, char** argv) { return lrti::cache::Main(argc, argv); }
