#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/time/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/config/dump.h"
#include "common/config/yaml.h"
#include "services/worker/host.h"
#include "services/worker/program.h"
#include "services/worker/rank/shim.h"

namespace lrti::worker {
namespace {

constexpr int kFailure = 1, kBadInput = 2, kInterrupted = 130;
constexpr int kReplaced = SIGUSR1;  // sent to this process by itself

struct Arguments {
  std::string config_path;
  std::vector<std::string> flags;  // as assignments
  std::vector<std::string> sets;
  bool insecure = false;
  bool check_only = false;
  bool print_config = false;
};

int Report(const absl::Status& status) {
  std::fprintf(stderr, "lrti-worker: %s\n", Message(status).c_str());
  const bool bad_input = absl::IsInvalidArgument(status) || absl::IsNotFound(status);
  return bad_input ? kBadInput : kFailure;
}

void Warn(const std::string& news) { std::fprintf(stderr, "lrti-worker: %s\n", news.c_str()); }

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
  AddFlag(app, "--coordinator", "coordinator", "HOST:PORT of the coordinator", arguments);
  AddFlag(app, "--name", "name", "Of this machine among all agents", arguments);
  AddFlag(app, "--address", "address", "Where ranks on other machines reach this one", arguments);
  AddFlag(app, "--spool", "spool", "Folder for logs and records of what runs", arguments);
  AddFlag(app, "--trainer", "trainer", "Path of lrti-vsr", arguments);
  AddFlag(app, "--http", "http.listen", "HOST:PORT of /metrics, /livez, /readyz", arguments);
  AddFlag(app, "--on-exit", "on_exit", "What becomes of ranks at SIGTERM: leave or drain",
          arguments);
  app.add_option_function<int64_t>(
         "--cpu-slots",
         [&arguments](int64_t slots) {
           arguments.flags.push_back(fmt::format("devices.cpu_slots={}", slots));
         },
         "Slots of the processor where there are no GPUs")
      ->take_last();
  app.add_option("--set", arguments.sets,
                 "Change any field of the config: stall.step_least=10s (may be repeated)")
      ->allow_extra_args(false);
  app.add_flag("--insecure", arguments.insecure,
               "Allow an HTTP address that other hosts can connect to");
  app.add_flag("--check", arguments.check_only, "Only check the config");
  app.add_flag("--print-config", arguments.print_config, "Only print the whole config");
}

absl::StatusOr<WorkerConfig> ConfigOf(const Arguments& arguments) {
  std::string yaml;
  if (!arguments.config_path.empty()) {
    LRTI_ASSIGN_OR_RETURN(yaml, ReadFile(arguments.config_path, config::kTextBytesMax));
  }
  std::vector<std::string> overrides = arguments.flags;
  overrides.insert(overrides.end(), arguments.sets.begin(), arguments.sets.end());
  if (arguments.insecure) overrides.push_back("insecure=true");
  absl::StatusOr<WorkerConfig> config = ParseWorkerConfig(yaml, overrides);
  if (config.ok()) return config;
  const std::string where = arguments.config_path.empty() ? "config" : arguments.config_path;
  return InvalidArgument("{}:\n{}", where, Message(config.status()));
}

// Blocks the signals that this program waits for, in this thread and those that it starts.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, kReplaced}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a peer that left is an error of its socket
  return signals;
}

// Tells the coordinator and, if so configured, has the ranks end; a second signal ends the waiting.
void Drain(Program& program, const WorkerConfig& config, const sigset_t& signals) {
  const bool stop_ranks = config.on_exit == OnExit::kDrain;
  const absl::Duration longest =
      stop_ranks ? config.grace.stop + absl::Seconds(30) : absl::Seconds(3);
  constexpr timespec kNoWait{};
  for (const absl::Time end = absl::Now() + longest; absl::Now() < end;) {
    if (program.Drain(stop_ranks, absl::Milliseconds(200))) return;
    if (sigtimedwait(&signals, nullptr, &kNoWait) > 0) break;
  }
  Warn(stop_ranks ? "not all ranks have ended; they go on, and the next agent takes them over"
                  : "the coordinator could not be told");
}

int Serve(WorkerConfig config) {
  const sigset_t signals = BlockSignals();
  const absl::Status decided = DecideAutos(Variable, config);
  if (!decided.ok()) return Report(decided);
  const pid_t self = ::getpid();
  auto program = Program::Start(config, Warn, [self] { ::kill(self, kReplaced); });
  if (!program.ok()) return Report(program.status());
  std::fputs((*program)->Describe().c_str(), stdout);
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  if (signal == kReplaced) {
    program->reset();
    return Report(Error(absl::StatusCode::kAborted,
                        "another agent named '{}' has taken over; give each machine a name of its "
                        "own (--name)",
                        config.name));
  }
  Drain(**program, config, signals);
  program->reset();
  return signal == SIGINT ? kInterrupted : 0;
}

int Main(int argc, char** argv) {
  CLI::App app{"Runs trainers on this machine's GPUs, as the coordinator asks."};
  app.name("lrti-worker");
  app.set_version_flag("--version", std::string("lrti-worker ") + kVersion);
  app.footer(
      "Begin with:\n"
      "  lrti-worker                       offer this machine to the coordinator on this host\n"
      "  lrti-worker --print-config        all that can be set, as YAML\n"
      "  lrti-worker --config worker.yaml  work as the file says\n"
      "SIGTERM ends it and leaves the trainers running for the next agent; --on-exit drain has "
      "them save and end first.\n"
      "Exit codes: 0 done, 1 failure (another agent runs, an address is taken), 2 bad flags or "
      "config, 130 interrupted.");
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
}  // namespace lrti::worker

int main(int argc, char** argv) {
  // The supervisor of a rank; for this program's own use.
  if (argc == 3 && std::strcmp(argv[1], "shim") == 0) return lrti::worker::RunShim(argv[2]);
  return lrti::worker::Main(argc, argv);
}
