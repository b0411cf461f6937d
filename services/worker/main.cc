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
#include "common/base/places.h"
#include "common/base/status.h"
#include "services/shell/config_flags.h"
#include "services/shell/end_signals.h"
#include "services/shell/program.h"
#include "services/worker/host.h"
#include "services/worker/program.h"
#include "services/worker/rank/shim.h"

namespace lrti::worker {
namespace {

constexpr const char* kProgram = "lrti-worker";
constexpr int kReplaced = SIGUSR1;  // sent to this process by itself

void Warn(const std::string& news) { std::fprintf(stderr, "lrti-worker: %s\n", news.c_str()); }

void AddFlags(shell::ConfigFlags& flags) {
  flags.AddText("--coordinator", "coordinator", "HOST:PORT of the coordinator");
  flags.AddText("--name", "name", "Of this machine among all agents");
  flags.AddText("--address", "address", "Where ranks on other machines reach this one");
  flags.AddText("--spool", "spool", "Folder for logs and records of what runs");
  flags.AddText("--trainer", "trainer", "Path of lrti-vsr");
  flags.AddText("--http", "http.listen", "HOST:PORT of /metrics, /livez, /readyz");
  flags.AddText("--on-exit", "on_exit", "What becomes of ranks at SIGTERM: leave or drain");
  flags.AddInteger("--cpu-slots", "devices.cpu_slots",
                   "Slots of the processor where there are no GPUs");
  flags.AddSwitch("--insecure", "insecure",
                  "Allow an HTTP address that other hosts can connect to");
}

// Tells the coordinator and, if so configured, has the ranks end; a second signal ends the waiting.
void Drain(Program& program, const WorkerConfig& config, const shell::EndSignals& signals) {
  const bool stop_ranks = config.on_exit == OnExit::kDrain;
  const absl::Duration longest =
      stop_ranks ? config.grace.stop + absl::Seconds(30) : absl::Seconds(3);
  constexpr timespec kNoWait{};
  for (const absl::Time end = absl::Now() + longest; absl::Now() < end;) {
    if (program.Drain(stop_ranks, absl::Milliseconds(200))) return;
    if (sigtimedwait(&signals.set(), nullptr, &kNoWait) > 0) break;
  }
  Warn(stop_ranks ? "not all ranks have ended; they go on, and the next agent takes them over"
                  : "the coordinator could not be told");
}

int Serve(WorkerConfig config) {
  const shell::EndSignals signals({kReplaced});
  const absl::Status decided = DecideAutos(ProcessVariable, config);
  if (!decided.ok()) return shell::Report(kProgram, decided);
  const pid_t self = ::getpid();
  auto program = Program::Start(config, Warn, [self] { ::kill(self, kReplaced); });
  if (!program.ok()) return shell::Report(kProgram, program.status());
  std::fputs((*program)->Describe().c_str(), stdout);
  std::fflush(stdout);
  const int signal = signals.Wait();
  if (signal == kReplaced) {
    program->reset();
    return shell::Report(
        kProgram, Error(absl::StatusCode::kAborted,
                        "another agent named '{}' has taken over; give each machine a name of its "
                        "own (--name)",
                        config.name));
  }
  Drain(**program, config, signals);
  program->reset();
  return signal == SIGINT ? shell::kInterrupted : shell::kDone;
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
  shell::ConfigFlags flags(app);
  AddFlags(flags);
  int exit_code = shell::kDone;
  if (!shell::ParseFlags(app, argc, argv, exit_code)) return exit_code;
  const auto config = shell::LoadConfig(flags, ParseWorkerConfig);
  if (!config.ok()) return shell::Report(kProgram, config.status());
  return flags.Answer(*config, "lrti-worker config") ? 0 : Serve(*config);
}

}  // namespace
}  // namespace lrti::worker

int main(int argc, char** argv) {
  // The supervisor of a rank; for this program's own use.
  if (argc == 3 && std::strcmp(argv[1], "shim") == 0) return lrti::worker::RunShim(argv[2]);
  return lrti::worker::Main(argc, argv);
}
