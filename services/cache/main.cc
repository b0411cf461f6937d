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
#include "common/config/dump.h"
#include "services/cache/host.h"
#include "services/cache/program.h"

namespace lrti::cache {
namespace {

constexpr int kFailure = 1, kBadInput = 2, kInterrupted = 130;

struct Arguments {
  std::string config_path;
  std::vector<std::string> flags;  // as assignments
  std::vector<std::string> sets;
  bool insecure = false;
  bool check_only = false;
  bool print_config = false;
};

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

// A flag that stands for one field. Its value is a text, whatever it looks like.
void AddFlag(CLI::App& app, const std::string& flag, const std::string& path,
             const std::string& help, Arguments& arguments) {
  const auto add = [&arguments, path](const std::string& value) {
    std::string quoted = "'";
    for (const char letter : value) quoted += letter == '\'' ? "''" : std::string(1, letter);
    arguments.flags.push_back(path + "=" + quoted + "'");
  };
  app.add_option_function<std::string>(flag, add, help)->take_last();
}

void AddFlags(CLI::App& app, Arguments& arguments) {
  app.add_option("--config", arguments.config_path, "YAML file; flags override it");
  AddFlag(app, "--listen", "data.listen", "HOST:PORT of the data plane", arguments);
  AddFlag(app, "--socket", "data.socket", "PATH of the Unix socket for clients on this host",
          arguments);
  AddFlag(app, "--control", "control.listen", "HOST:PORT of the control plane (gRPC)", arguments);
  AddFlag(app, "--http", "http.listen", "HOST:PORT of /metrics, /livez, /readyz", arguments);
  AddFlag(app, "--redis", "redis.endpoint", "HOST:PORT or unix:/PATH of the second tier",
          arguments);
  app.add_option_function<int64_t>(
         "--pool-mib",
         [&arguments](int64_t mib) { arguments.flags.push_back(fmt::format("pool.mib={}", mib)); },
         "Memory for states")
      ->take_last();
  app.add_option("--set", arguments.sets,
                 "Change any field of the config: redis.timeout=2s (may be repeated)")
      ->allow_extra_args(false);
  app.add_flag("--insecure", arguments.insecure,
               "Allow addresses that other hosts can connect to, though nothing is encrypted");
  app.add_flag("--check", arguments.check_only, "Only check the config");
  app.add_flag("--print-config", arguments.print_config, "Only print the whole config");
}

absl::StatusOr<ProgramConfig> ConfigOf(const Arguments& arguments) {
  std::string yaml;
  if (!arguments.config_path.empty()) {
    LRTI_ASSIGN_OR_RETURN(yaml, ReadFile(arguments.config_path, config::kTextBytesMax));
  }
  std::vector<std::string> overrides = arguments.flags;
  overrides.insert(overrides.end(), arguments.sets.begin(), arguments.sets.end());
  if (arguments.insecure) overrides.push_back("insecure=true");
  absl::StatusOr<ProgramConfig> config = ParseProgramConfig(yaml, overrides);
  if (config.ok()) return config;
  const std::string where = arguments.config_path.empty() ? "config" : arguments.config_path;
  return InvalidArgument("{}:\n{}", where, Message(config.status()));
}

// Puts the path in place of `auto`.
absl::Status ChooseSocket(ProgramConfig& config) {
  if (config.data.socket != "auto") return absl::OkStatus();
  LRTI_ASSIGN_OR_RETURN(config.data.socket, DefaultSocketPath(Variable));
  return MakePrivateFolder(FolderOf(config.data.socket));
}

// Blocks the signals that end the program in this thread and those that it starts.
sigset_t BlockEndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a peer that left is an error of its socket
  return signals;
}

// Lets clients leave; a second signal ends the waiting.
void Drain(Program& program, const sigset_t& signals, absl::Duration longest) {
  program.Drain();
  constexpr timespec kLook{.tv_sec = 0, .tv_nsec = 20'000'000};
  const absl::Time end = absl::Now() + longest;
  while (program.lanes() > 0 && absl::Now() < end) {
    if (sigtimedwait(&signals, nullptr, &kLook) > 0) return;
  }
}

int Serve(ProgramConfig config) {
  const sigset_t signals = BlockEndSignals();
  const absl::Status chosen = ChooseSocket(config);
  if (!chosen.ok()) return Report(chosen);
  auto program = Program::Start(config, Warn);
  if (!program.ok()) return Report(program.status());
  std::fputs((*program)->Describe().c_str(), stdout);
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
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
  Arguments arguments;
  AddFlags(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadInput;
  }
  const auto config = ConfigOf(arguments);
  if (!config.ok()) return Report(config.status());
  if (arguments.print_config) std::fputs(config::Dump(*config).c_str(), stdout);
  if (arguments.check_only) std::puts("ok");
  return arguments.print_config || arguments.check_only ? 0 : Serve(*config);
}

}  // namespace
}  // namespace lrti::cache

int main(int argc, char** argv) { return lrti::cache::Main(argc, argv); }
