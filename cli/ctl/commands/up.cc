#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/ctl/client/client.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/job_views.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "cli/ctl/output/human.h"
#include "cli/ctl/stack/launch.h"
#include "cli/ctl/stack/stop.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

constexpr absl::Duration kLook = absl::Seconds(1);
constexpr absl::Duration kAskJobs = absl::Seconds(2);
constexpr size_t kWatchedMax = 10000;

struct UpArguments {
  std::string state, trainer;
  int64_t cpu_slots = 0;
  bool foreground = false;
};

struct DownArguments {
  std::string state, grace = absl::FormatDuration(StopOptions().grace);
  bool keep_jobs = false;
};

// The programs keep it when this one has gone elsewhere.
std::string Absolute(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return path.empty() || error ? path : absolute.lexically_normal().string();
}

absl::StatusOr<std::string> StateOf(const Session& session, const std::string& flag) {
  const std::string state = flag.empty() ? StateFolder(session.variable()) : Absolute(flag);
  if (!state.empty()) return state;
  return InvalidArgument("neither XDG_STATE_HOME nor HOME is set; name a folder: --state DIR");
}

void SayUp(const Session& session, const std::string& state, const Launched& launched) {
  const Console& console = session.console();
  const Stack& stack = launched.stack;
  console.Say(launched.was_up ? "It is up." : "Up.");
  console.Say(fmt::format("  coordinator  {}   http://{}/metrics", stack.coordinator,
                          stack.coordinator_http));
  console.Say(fmt::format("  cache        {}   http://{}/metrics", stack.cache, stack.cache_http));
  console.Say(fmt::format("  worker       http://{}/metrics", stack.worker_http));
  console.Say(fmt::format("  state, logs  {}", state));
  console.Say("next:");
  if (state != StateFolder(session.variable())) {
    console.Say(fmt::format("  export LRTI_STATE={}   # so that lrti-ctl finds it", state));
  }
  console.Say(
      "  lrti-ctl submit configs/quickstart.yaml\n"
      "  lrti-ctl logs -f JOB\n"
      "  lrti-ctl top\n"
      "  lrti-ctl down");
}

// Jobs that hold devices; none where the coordinator does not answer, for it may be down already.
std::vector<v1::Job> RunningJobs(const Stack& stack) {
  const auto client =
      Client::Create({.coordinator = stack.coordinator, .security = {}, .timeout = kAskJobs});
  if (!client.ok()) return {};
  const auto jobs = (*client)->List(RequestOfRunning(), kWatchedMax);
  return jobs.ok() ? *jobs : std::vector<v1::Job>();
}

void SayJobs(const Session& session, const std::vector<v1::Job>& jobs, bool keep_jobs) {
  if (jobs.empty()) return;
  for (const v1::Job& job : jobs) {
    session.console().Say(fmt::format("  {} {} {} step {}", job.id(), job.name(), job.state(),
                                      job.progress().step()));
  }
  session.console().Say(
      keep_jobs ? fmt::format("{} running; they train on alone, and the next lrti-ctl up finds "
                              "them again",
                              jobs.size())
                : fmt::format("{} running; they save a checkpoint and go on after the next "
                              "lrti-ctl up (--keep-jobs lets them train on)",
                              jobs.size()));
}

absl::StatusOr<int> Down(Session& session, const DownArguments& arguments) {
  LRTI_ASSIGN_OR_RETURN(const std::string state, StateOf(session, arguments.state));
  LRTI_ASSIGN_OR_RETURN(const absl::Duration grace, ParseDuration(arguments.grace));
  const auto stack = ReadStack(state);
  if (stack.ok() && IsRunning(*stack)) SayJobs(session, RunningJobs(*stack), arguments.keep_jobs);
  LRTI_ASSIGN_OR_RETURN(const Stopped stopped,
                        Stop({.state = state, .keep_jobs = arguments.keep_jobs, .grace = grace},
                             [&session](const std::string& line) { session.console().Say(line); }));
  if (stopped.forced) {
    session.console().Warn(
        "A program was killed because it did not end in time. If it was lrti-worker, its trainers "
        "go on, and the next lrti-ctl up finds them again.");
  }
  session.console().Say(stopped.was_down ? "It was not up." : "Down.");
  return kOk;
}

// Until Ctrl-C, or until one of them ends by itself.
absl::StatusOr<int> StayUp(Session& session, const std::string& state, const Stack& stack) {
  session.console().Say("Ctrl-C ends it.");
  std::string dead;
  while (dead.empty() && !session.interrupt().WaitFor(kLook)) {
    for (const StackProgram& program : stack.programs) {
      if (!IsRunning(program)) dead = program.name + " ended; " + program.log + " says why";
    }
  }
  DownArguments down;
  down.state = state;
  LRTI_ASSIGN_OR_RETURN(const int code, Down(session, down));
  if (!dead.empty()) return Error(absl::StatusCode::kInternal, "{}", dead);
  return code;
}

absl::StatusOr<int> Up(Session& session, const UpArguments& arguments) {
  LRTI_ASSIGN_OR_RETURN(const std::string state, StateOf(session, arguments.state));
  if (arguments.foreground) session.interrupt().TakeSignals();
  LaunchOptions options;
  options.state = state;
  options.programs = OwnFolder();
  options.cpu_slots = arguments.cpu_slots;
  options.trainer = Absolute(arguments.trainer);
  LRTI_ASSIGN_OR_RETURN(
      const Launched launched,
      Launch(options, [&session](const std::string& line) { session.console().Say(line); }));
  SayUp(session, state, launched);
  return arguments.foreground ? StayUp(session, state, launched.stack) : absl::StatusOr<int>(kOk);
}

}  // namespace

void AddUp(CLI::App& app, Session& session) {
  auto up = std::make_shared<UpArguments>();
  CLI::App* verb =
      AddVerb(app, session, "up",
              "Start coordinator, cache and worker on this machine, for this machine alone.",
              [&session, up] { return Up(session, *up); });
  verb->add_option(
      "--state", up->state,
      "Folder of all that they keep; default: $LRTI_STATE, or lrti in the state folder");
  verb->add_option("--cpu-slots", up->cpu_slots, "Ranks without a GPU at a time")
      ->check(CLI::Range(int64_t{1}, int64_t{1024}));
  verb->add_option("--trainer", up->trainer, "Path of lrti-vsr; default: beside lrti-ctl");
  verb->add_flag("--foreground", up->foreground, "Stay; Ctrl-C ends them");

  auto down = std::make_shared<DownArguments>();
  CLI::App* end =
      AddVerb(app, session, "down", "End them. Jobs save a checkpoint and go on after the next up.",
              [&session, down] { return Down(session, *down); });
  end->add_option("--state", down->state, "As given to up");
  end->add_option("--grace", down->grace, "Time for each to end by itself; then it is killed");
  end->add_flag("--keep-jobs", down->keep_jobs, "Trainers go on; the next up finds them again");
}

}  // namespace lrti::ctl
