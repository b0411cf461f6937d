#include <torch/cuda.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/vsr/commands.h"
#include "cli/vsr/launch_ranks.h"
#include "cli/vsr/progress_bar.h"
#include "cli/vsr/report_status.h"
#include "cli/vsr/results_table.h"
#include "cli/vsr/stop_signal.h"
#include "common/base/status.h"
#include "common/events/fd_sink.h"
#include "common/job/job.h"
#include "train/ranks/ranks.h"
#include "train/run.h"
#include "train/tensor/device.h"
#include "train/tensor/guarded.h"

namespace lrti::vsr {
namespace {

constexpr const char* kEventFdVariable = "LRTI_EVENT_FD";

struct TrainArguments {
  std::string config, run_dir, device = "auto", log_format = "auto";
  std::vector<std::string> overrides;
  bool resume = false;
  int64_t ranks = 1;
};

/// runs/NAME, or runs/NAME-2, -3, ... where that is taken; when resuming, the newest that exists.
std::string DefaultRunFolder(const std::string& name, bool resume) {
  const auto path = [&](int number) {
    return "runs/" + (number == 1 ? name : name + "-" + std::to_string(number));
  };
  int number = 1;
  std::error_code ignored;  // who makes the folder says what is wrong with it
  while (std::filesystem::exists(path(number), ignored)) ++number;
  return path(resume && number > 1 ? number - 1 : number);
}

/// Where events go: a person or JSON lines, and the descriptor of whoever started us.
struct Sinks {
  std::optional<ProgressBar> progress_bar;
  std::optional<events::FdEventSink> output, parent;
  std::optional<events::TeeSink> all;

  absl::Status Open(const std::string& log_format, const Clock& clock) {
    std::vector<events::EventSink*> sinks;
    if (log_format == "json") {
      sinks.push_back(&output.emplace(STDOUT_FILENO, clock));
    } else if (log_format == "auto") {
      sinks.push_back(&progress_bar.emplace(isatty(STDERR_FILENO) == 1, clock));
    }
    if (const char* text = std::getenv(kEventFdVariable); text != nullptr) {
      LRTI_ASSIGN_OR_RETURN(const int fd, events::OpenEventFd(kEventFdVariable, text));
      sinks.push_back(&parent.emplace(fd, clock));
    }
    all.emplace(std::move(sinks));
    return absl::OkStatus();
  }
};

void PrintOutcome(const job::Job& job, const train::RunOutcome& outcome) {
  if (outcome.reason == "stopped") {
    std::printf("stopped after step %lld; go on with: lrti-vsr train ... --run-dir %s --resume\n",
                static_cast<long long>(outcome.step), outcome.folder.c_str());
    return;
  }
  if (!outcome.scores.empty()) {
    std::printf("\n%s\n", ResultsTable(job, outcome.scores, &outcome).c_str());
    std::printf("picture (bicubic | output | ground truth): %s\n", outcome.picture.c_str());
  }
  std::printf("run directory: %s\n", outcome.folder.c_str());
}

/// Of several ranks on a machine each takes a GPU of its own, unless it is shown a single one.
absl::StatusOr<c10::Device> DeviceOf(const std::string& text, const train::Ranks& ranks) {
  LRTI_ASSIGN_OR_RETURN(const c10::Device device, train::ParseDevice(text));
  const bool any = text == "auto" || text == "cuda";
  if (!any || !device.is_cuda() || torch::cuda::device_count() == 1) return device;
  return train::ParseDevice("cuda:" + std::to_string(ranks.local_rank));
}

absl::Status Train(const TrainArguments& arguments, const train::Ranks& ranks) {
  const SystemClock clock;
  LRTI_ASSIGN_OR_RETURN(const job::Job job, job::ParseFile(arguments.config, arguments.overrides));
  LRTI_ASSIGN_OR_RETURN(const c10::Device device, DeviceOf(arguments.device, ranks));
  Sinks sinks;
  LRTI_RETURN_IF_ERROR(sinks.Open(arguments.log_format, clock));
  train::RunOptions options{
      .folder = arguments.run_dir, .resume = arguments.resume, .device = device, .ranks = ranks};
  if (options.folder.empty() && !ranks.alone()) {
    return InvalidArgument("--run-dir: give all {} ranks the same", ranks.world_size);
  }
  if (options.folder.empty()) options.folder = DefaultRunFolder(job.metadata.name, options.resume);

  events::Progress progress(clock);
  const auto outcome = train::Run(job, options, *sinks.all, progress, clock, StopSignal());
  sinks.progress_bar.reset();  // ends its line before anything else is printed
  LRTI_RETURN_IF_ERROR(outcome.status());
  if (arguments.log_format == "auto" && ranks.first()) PrintOutcome(job, *outcome);
  return absl::OkStatus();
}

/// The job as processes of this machine. The parent looks at the job first: what is wrong with it
/// is said once.
absl::StatusOr<int> TrainAsRanks(const TrainArguments& arguments) {
  LRTI_ASSIGN_OR_RETURN(const job::Job job, job::ParseFile(arguments.config, arguments.overrides));
  const std::string folder = arguments.run_dir.empty()
                                 ? DefaultRunFolder(job.metadata.name, arguments.resume)
                                 : arguments.run_dir;
  return LaunchRanks(arguments.ranks, [&](int64_t rank) {
    std::vector<std::string> command = {
        "train",    arguments.config, "--run-dir",    folder,
        "--device", arguments.device, "--log-format", rank == 0 ? arguments.log_format : "none"};
    for (const std::string& change : arguments.overrides) {
      command.insert(command.end(), {"--set", change});
    }
    if (arguments.resume) command.push_back("--resume");
    return command;
  });
}

ExitCode CodeOf(const absl::Status& status) {
  if (absl::IsUnavailable(status)) return kTryAgain;
  if (absl::IsFailedPrecondition(status)) return kDoNotRestart;
  return ExitCodeOf(status);
}

int TrainCommand(const TrainArguments& arguments) {
  const auto ranks = train::ReadRanks(train::ProcessEnvironment);
  if (!ranks.ok()) return ReportStatus(ranks.status());
  if (arguments.ranks > 1) {
    if (!ranks->alone()) {
      return ReportStatus(
          InvalidArgument("--ranks: this is a rank itself, since WORLD_SIZE is set"));
    }
    const auto code = TrainAsRanks(arguments);
    return code.ok() ? *code : ReportStatus(code.status());
  }
  const absl::Status status = train::Guarded([&] { return Train(arguments, *ranks); });
  if (status.ok()) return kOk;
  ReportStatus(ranks->alone() ? status : Prefixed(status, fmt::format("rank {}", ranks->rank)));
  if (ranks->alone()) return CodeOf(status);
  // Threads that talked to lost ranks may never end; nothing waits for them.
  std::fflush(nullptr);
  std::_Exit(CodeOf(status));
}

}  // namespace

void AddTrain(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand(
      "train", "Train a job to its end. Ctrl-C saves a checkpoint and stops; again: at once.");
  command->add_option("config", arguments->config, "Job file (docs/configuration.md)")->required();
  command->add_option("--set", arguments->overrides,
                      "Change a field: spec.train.iterations=100 (may be repeated)");
  command->add_option(
      "--run-dir", arguments->run_dir,
      "Where results go; default runs/NAME, or runs/NAME-2 ... where that is taken");
  command->add_flag("--resume,--continue", arguments->resume,
                    "Go on from the newest good checkpoint of the run directory; begin where there "
                    "is none");
  command
      ->add_option("--ranks", arguments->ranks,
                   "Train data parallel in so many processes of this machine, one a GPU")
      ->check(CLI::Range(int64_t{1}, train::kRanksMax))
      ->capture_default_str();
  command->add_option("--device", arguments->device, "auto, cpu, cuda or cuda:N")
      ->capture_default_str();
  command
      ->add_option("--log-format", arguments->log_format,
                   "auto: progress for a person; json: events, one a line, on stdout; none: errors")
      ->check(CLI::IsMember({"auto", "json", "none"}))
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  lrti-vsr train configs/quickstart.yaml\n"
      "  lrti-vsr train job.yaml --run-dir runs/a --set spec.strategy.clip_frames=16\n"
      "  lrti-vsr train job.yaml --run-dir runs/a --resume\n"
      "  lrti-vsr train job.yaml --ranks 2 --device cpu\n"
      "LRTI_EVENT_FD=N also writes the events to file descriptor N (docs/events.md).\n"
      "Ranks that someone else starts are told so by torchrun's variables: RANK, WORLD_SIZE,\n"
      "MASTER_ADDR, MASTER_PORT.");
  command->callback([arguments, &exit_code] { exit_code = TrainCommand(*arguments); });
}

}  // namespace lrti::vsr
