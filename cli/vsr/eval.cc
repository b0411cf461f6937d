#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/vsr/commands.h"
#include "cli/vsr/report_status.h"
#include "cli/vsr/results_table.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/job/job.h"
#include "train/evaluate.h"
#include "train/load_weights.h"
#include "train/results.h"
#include "train/tensor/device.h"
#include "train/tensor/guarded.h"

namespace lrti::vsr {
namespace {

struct EvalArguments {
  std::string config, checkpoint, device = "auto";
  std::vector<std::string> overrides;
  bool json = false;
};

absl::Status Eval(const EvalArguments& arguments) {
  const SystemClock clock;
  LRTI_ASSIGN_OR_RETURN(const job::Job job, job::ParseFile(arguments.config, arguments.overrides));
  LRTI_ASSIGN_OR_RETURN(const c10::Device device, train::ParseDevice(arguments.device));
  const std::shared_ptr<nn::Model> model = nn::MakeModel(job.spec.model);
  LRTI_RETURN_IF_ERROR(train::LoadWeights(arguments.checkpoint, *model));
  model->to(device);
  model->eval();
  LRTI_ASSIGN_OR_RETURN(const auto evaluator, train::Evaluator::Open(job.spec.data));
  if (evaluator->empty()) return InvalidArgument("spec.data.eval: names no set to measure");
  events::Progress progress(clock);
  train::LocalCollective alone;
  const std::atomic<bool> never = false;  // Ctrl-C ends the program at once
  LRTI_ASSIGN_OR_RETURN(const auto scores, evaluator->Run(*model, device, job.spec.train.precision,
                                                          progress, alone, never));
  std::puts(arguments.json ? train::ResultsJson(scores, 0).dump(2).c_str()
                           : ResultsTable(job, scores, nullptr).c_str());
  return absl::OkStatus();
}

}  // namespace

void AddEval(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<EvalArguments>();
  CLI::App* command =
      app.add_subcommand("eval", "Measure a checkpoint on the evaluation sets of a job.");
  command->add_option("config", arguments->config, "Job file: network and evaluation sets")
      ->required();
  command
      ->add_option(
          "--checkpoint", arguments->checkpoint,
          "A checkpoint folder (its averaged weights where it has them), or a .safetensors "
          "or .pth file of ours, BasicSR or mmagic")
      ->required();
  command->add_option("--set", arguments->overrides, "Change a field of the job (may be repeated)");
  command->add_option("--device", arguments->device, "auto, cpu, cuda or cuda:N")
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print results as JSON, frame by frame");
  command->callback([arguments, &exit_code] {
    exit_code = ReportStatus(train::Guarded([&] { return Eval(*arguments); }));
  });
}

}  // namespace lrti::vsr
