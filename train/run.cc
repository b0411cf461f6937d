#include "train/run.h"

#include <torch/torch.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "common/base/file_writer.h"
#include "common/base/status.h"
#include "common/config/dump.h"
#include "common/events/heartbeat.h"
#include "common/events/kinds.h"
#include "common/events/stamped_sink.h"
#include "data/clip_list.h"
#include "data/dataset.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/load.h"
#include "train/collective/connect.h"
#include "train/load_weights.h"
#include "train/newest_checkpoint.h"
#include "train/run_folder.h"
#include "train/run_reports.h"
#include "train/state_store.h"
#include "train/tensor/device.h"
#include "train/tensor/guarded.h"
#include "train/trainer.h"

namespace lrti::train {
namespace {

namespace kind = events::kind;
using events::Event;
using events::Phase;

/// Threads of the tensor library; 0: as many as it takes by itself.
int64_t Threads(const job::TrainConfig& config, const Ranks& ranks) {
  if (config.threads > 0) return config.threads;
  if (ProcessEnvironment("OMP_NUM_THREADS")) return 0;
  return std::max<int64_t>(std::thread::hardware_concurrency() / ranks.local_world_size, 1);
}

void ApplyNumericModes(const job::TrainConfig& config, const Ranks& ranks) {
  if (const int64_t threads = Threads(config, ranks); threads > 0) {
    at::set_num_threads(static_cast<int>(threads));
  }
  at::globalContext().setAllowTF32CuBLAS(config.tf32);
  at::globalContext().setAllowTF32CuDNN(config.tf32);
}

/// One run from its first event to its last.
class RunLoop {
 public:
  RunLoop(const job::Job& job, const RunOptions& options, events::EventSink& sink,
          events::Progress& progress, const Clock& clock, const std::atomic<bool>& stop,
          Collective& group)
      : job_(job),
        spec_(job.spec),
        options_(options),
        sink_(sink),
        progress_(progress),
        clock_(clock),
        stop_(stop),
        group_(group) {}

  absl::StatusOr<RunOutcome> Execute() {
    auto outcome = Guarded([this] { return OpenAndTrain(); });
    if (trainer_) trainer_->ForgetStates();
    return outcome;
  }

 private:
  absl::StatusOr<RunOutcome> OpenAndTrain() {
    LRTI_RETURN_IF_ERROR(Open());
    LRTI_RETURN_IF_ERROR(TrainToTheEnd());
    return Finish();
  }
  absl::Status Open();
  absl::Status LoadFirstWeights();
  absl::Status Resume();
  absl::Status TrainToTheEnd();
  absl::StatusOr<bool> AgreeToGoOn();
  absl::StatusOr<RunOutcome> Finish();
  absl::Status WithLastCheckpoint(const absl::Status& status) const;
  absl::Status AfterStep(const StepResult& result);
  void WarnOfRecomputed(const StepResult& result);
  absl::Status SaveCheckpoint();
  absl::Status Evaluate();
  void EmitScores();
  void EmitStarted();
  void Warn(const std::string& message) {
    sink_.Emit({{"event", kind::kWarning}, {"message", message}});
  }
  bool TimeIsUp() const {
    return spec_.train.time_max > absl::ZeroDuration() &&
           clock_.Steady() - training_since_ >= spec_.train.time_max;
  }
  double StepsPerSecond() const {
    const double seconds =
        absl::ToDoubleSeconds(clock_.Steady() - training_since_ - between_steps_);
    return seconds > 0 ? static_cast<double>(trainer_->step() - first_step_) / seconds : 0;
  }

  const job::Job& job_;
  const job::Spec& spec_;
  const RunOptions& options_;
  events::EventSink& sink_;
  events::Progress& progress_;
  const Clock& clock_;
  const std::atomic<bool>& stop_;
  Collective& group_;
  StateStore states_;

  std::optional<RunFolder> folder_;
  std::unique_ptr<data::Dataset> dataset_;
  std::unique_ptr<Evaluator> evaluator_;
  std::unique_ptr<Trainer> trainer_;
  std::optional<RunReports> reports_;  // of rank 0
  std::optional<int64_t> resumed_from_;
  int64_t first_step_ = 0;
  int64_t saved_step_ = -1;
  int64_t evaluated_step_ = -1;
  int64_t recomputed_seen_ = 0;
  absl::Duration training_since_;
  absl::Duration between_steps_;  // checkpoints and evaluations since then
  RunOutcome outcome_;
};

absl::Status RunLoop::Open() {
  ApplyNumericModes(spec_.train, options_.ranks);
  auto dataset =
      data::Dataset::Open(data::WithPartition(spec_.data.train), spec_.data.train.degradation,
                          spec_.data.frame_cache_mib << 20);
  if (!dataset.ok()) return Prefixed(dataset.status(), "spec.data.train");
  dataset_ = *std::move(dataset);
  LRTI_ASSIGN_OR_RETURN(evaluator_, Evaluator::Open(spec_.data));
  LRTI_ASSIGN_OR_RETURN(states_, OpenStateStore(spec_.cache, clock_));
  LRTI_ASSIGN_OR_RETURN(trainer_, Trainer::Make(spec_, *dataset_, *states_.store, progress_,
                                                options_.device, group_, stop_));
  if (!options_.resume) LRTI_RETURN_IF_ERROR(LoadFirstWeights());

  if (group_.first()) {
    LRTI_ASSIGN_OR_RETURN(
        folder_, RunFolder::Open(options_.folder, options_.resume, options_.ranks.attempt));
    LRTI_RETURN_IF_ERROR(checkpoint::RemoveLeftovers(folder_->checkpoints()));
  } else {
    folder_ = RunFolder::ToRead(options_.folder);
  }
  if (options_.resume) LRTI_RETURN_IF_ERROR(Resume());
  first_step_ = saved_step_ = trainer_->step();
  if (group_.first()) {
    LRTI_RETURN_IF_ERROR(WriteFileAtomic(folder_->config(), config::Dump(job_)));
    LRTI_ASSIGN_OR_RETURN(reports_, RunReports::Open(*folder_, trainer_->step(), clock_));
  }
  EmitStarted();
  return absl::OkStatus();
}

absl::Status RunLoop::LoadFirstWeights() {
  const std::string& weights = spec_.train.init_from;
  const std::string& flow_weights = spec_.train.flow_init_from;
  if (!weights.empty()) LRTI_RETURN_IF_ERROR(LoadWeights(weights, trainer_->model()));
  if (!flow_weights.empty()) LRTI_RETURN_IF_ERROR(LoadFlowWeights(flow_weights, trainer_->model()));
  // The averages began as the random weights, and would remember those for thousands of steps.
  Ema* ema = trainer_->ema();
  return ema == nullptr ? absl::OkStatus() : ema->Restore(checkpoint::TensorsOf(trainer_->model()));
}

absl::Status RunLoop::Resume() {
  const auto on_bad = [this](const std::string& path, const absl::Status& error) {
    Warn(fmt::format("{}: {}; an older checkpoint is taken", path, Message(error)));
  };
  LRTI_ASSIGN_OR_RETURN(const auto found, NewestCheckpoint(folder_->checkpoints(), on_bad, group_));
  if (!found) return LoadFirstWeights();  // stopped before its first checkpoint: begins anew
  if (const absl::Status status = trainer_->Restore(found->snapshot); !status.ok()) {
    return Prefixed(status, found->path);
  }
  resumed_from_ = found->snapshot.step;
  return absl::OkStatus();
}

void RunLoop::EmitStarted() {
  const Procedure procedure = MakeProcedure(spec_.strategy, trainer_->model().Context());
  Event event = {
      {"event", kind::kStarted},
      {"name", job_.metadata.name},
      {"run_dir", folder_->path()},
      {"model", std::visit([](const auto& m) { return std::string(m.kType); }, spec_.model)},
      {"strategy", procedure.name},
      {"device", DeviceName(options_.device)},
      {"parameters", trainer_->parameters()},
      {"iterations", spec_.train.iterations}};
  if (!group_.alone()) event["world_size"] = group_.world_size();
  if (resumed_from_) event["resumed_from"] = *resumed_from_;
  event["step"] = trainer_->step();
  sink_.Emit(event);
}

absl::Status RunLoop::TrainToTheEnd() {
  training_since_ = clock_.Steady();
  outcome_.reason = "iterations";
  while (trainer_->step() < spec_.train.iterations) {
    LRTI_ASSIGN_OR_RETURN(const bool go_on, AgreeToGoOn());
    if (!go_on) break;
    const auto result = trainer_->Step();
    if (absl::IsCancelled(result.status())) {
      outcome_.reason = "stopped";
      break;
    }
    if (!result.ok()) return WithLastCheckpoint(result.status());
    LRTI_RETURN_IF_ERROR(AfterStep(*result));
  }
  outcome_.training_time = clock_.Steady() - training_since_;
  return absl::OkStatus();
}

/// What one rank wants, all do: they stop after the same step.
absl::StatusOr<bool> RunLoop::AgreeToGoOn() {
  if (!group_.alone()) progress_.SetPhase(Phase::kWaiting);
  LRTI_ASSIGN_OR_RETURN(const std::vector<double> wishes,
                        group_.Sum({stop_ ? 1.0 : 0.0, TimeIsUp() ? 1.0 : 0.0}));
  if (wishes[0] > 0) {
    outcome_.reason = "stopped";
  } else if (wishes[1] > 0) {
    outcome_.reason = "time_max";
  }
  return wishes[0] == 0 && wishes[1] == 0;
}

/// Says where the run could go on from.
absl::Status RunLoop::WithLastCheckpoint(const absl::Status& status) const {
  const auto all = checkpoint::ListCheckpoints(folder_->checkpoints());
  if (!all.ok() || all->empty()) return status;
  return absl::Status(status.code(), fmt::format("{}; the newest checkpoint is {}", Message(status),
                                                 all->back().path));
}

absl::Status RunLoop::AfterStep(const StepResult& result) {
  outcome_.peak_memory_bytes =
      std::max(outcome_.peak_memory_bytes, PeakMemoryBytes(options_.device));
  const int64_t memory = outcome_.peak_memory_bytes;
  progress_.SetMemoryBytes(static_cast<uint64_t>(memory));
  const double rate = StepsPerSecond();
  const auto left = static_cast<double>(spec_.train.iterations - result.step);
  const Event event = {
      {"event", kind::kStep},       {"step", result.step},
      {"loss", result.loss},        {"psnr", result.psnr},
      {"lr", result.learning_rate}, {"grad_norm", result.gradient_norm},
      {"steps_per_second", rate},   {"eta_s", rate > 0 ? left / rate : 0},
      {"memory_bytes", memory},     {"recomputed_states", result.recomputed_states}};
  sink_.Emit(event);
  WarnOfRecomputed(result);
  const bool is_logged =
      result.step % spec_.train.log_every == 0 || result.step == spec_.train.iterations;
  if (is_logged && reports_) LRTI_RETURN_IF_ERROR(reports_->Step(event));
  const absl::Duration done = clock_.Steady();
  const auto due = [&](int64_t every) { return every > 0 && result.step % every == 0; };
  if (due(spec_.train.checkpoint_every)) LRTI_RETURN_IF_ERROR(SaveCheckpoint());
  if (due(spec_.train.eval_every)) LRTI_RETURN_IF_ERROR(Evaluate());
  between_steps_ += clock_.Steady() - done;
  return absl::OkStatus();
}

void RunLoop::WarnOfRecomputed(const StepResult& result) {
  if (result.recomputed_states > recomputed_seen_ && recomputed_seen_ == 0) {
    const std::string trouble = states_.trouble();
    Warn(fmt::format(
        "step {}: a hidden state was missing or too old and was recomputed{}{}; "
        "recomputed_states counts them",
        result.step, trouble.empty() ? "" : " (", trouble.empty() ? "" : trouble + ")"));
  }
  recomputed_seen_ = result.recomputed_states;
}

absl::Status RunLoop::SaveCheckpoint() {
  if (saved_step_ == trainer_->step() && saved_step_ != 0) return absl::OkStatus();
  if (!group_.first()) return absl::OkStatus();
  LRTI_RETURN_IF_ERROR(folder_->MayWrite());
  events::EnterPhase(progress_, sink_, Phase::kCheckpointing);
  const absl::Duration begin = clock_.Steady();
  checkpoint::Snapshot snapshot = trainer_->Save();
  snapshot.config = config::Dump(job_);
  LRTI_ASSIGN_OR_RETURN(const checkpoint::Info written,
                        checkpoint::WriteCheckpoint(folder_->checkpoints(), snapshot));
  LRTI_RETURN_IF_ERROR(checkpoint::Prune(folder_->checkpoints(), spec_.train.checkpoints_keep));
  saved_step_ = trainer_->step();
  sink_.Emit({{"event", kind::kCheckpoint},
              {"step", saved_step_},
              {"path", written.path},
              {"bytes", written.bytes},
              {"seconds", absl::ToDoubleSeconds(clock_.Steady() - begin)}});
  return absl::OkStatus();
}

absl::Status RunLoop::Evaluate() {
  if (evaluator_->empty() || evaluated_step_ == trainer_->step()) return absl::OkStatus();
  events::EnterPhase(progress_, sink_, Phase::kEvaluating);
  if (trainer_->ema() != nullptr) trainer_->ema()->Swap();
  auto scores = evaluator_->Run(trainer_->model(), options_.device, spec_.train.precision,
                                progress_, group_, stop_);
  if (trainer_->ema() != nullptr) trainer_->ema()->Swap();
  ReleaseFreedMemory(options_.device);
  ResetPeakMemory(options_.device);  // what is told is what training takes
  if (absl::IsCancelled(scores.status())) {
    outcome_.reason = "stopped";  // the loop looks at the same flag, and ends
    return absl::OkStatus();
  }
  LRTI_RETURN_IF_ERROR(scores.status());
  outcome_.scores = *std::move(scores);
  evaluated_step_ = trainer_->step();
  if (!reports_) return absl::OkStatus();
  EmitScores();
  LRTI_ASSIGN_OR_RETURN(outcome_.picture, reports_->Scores(outcome_.scores, evaluated_step_));
  return absl::OkStatus();
}

void RunLoop::EmitScores() {
  for (const SetScores& set : outcome_.scores) {
    sink_.Emit({{"event", kind::kEval},
                {"step", evaluated_step_},
                {"set", set.name},
                {"psnr", set.network.psnr},
                {"ssim", set.network.ssim},
                {"bicubic_psnr", set.bicubic.psnr},
                {"bicubic_ssim", set.bicubic.ssim}});
  }
}

absl::StatusOr<RunOutcome> RunLoop::Finish() {
  LRTI_RETURN_IF_ERROR(SaveCheckpoint());
  if (outcome_.reason != "stopped") LRTI_RETURN_IF_ERROR(Evaluate());
  LRTI_RETURN_IF_ERROR(group_.Meet());  // once one rank says that it is done, all is saved
  progress_.SetPhase(Phase::kFinishing);
  outcome_.folder = folder_->path();
  outcome_.step = trainer_->step();
  sink_.Emit({{"event", kind::kFinished},
              {"step", outcome_.step},
              {"reason", outcome_.reason},
              {"run_dir", outcome_.folder}});
  return outcome_;
}

absl::StatusOr<RunOutcome> MeetAndRun(const job::Job& job, const RunOptions& options,
                                      events::EventSink& sink, events::Progress& progress,
                                      const Clock& clock, const std::atomic<bool>& stop) {
  if (!options.ranks.alone()) progress.SetPhase(Phase::kWaiting);
  LRTI_ASSIGN_OR_RETURN(const auto group, Connect(options.ranks, options.device));
  progress.SetPhase(Phase::kStarting);
  auto outcome = RunLoop(job, options, sink, progress, clock, stop, *group).Execute();
  if (!outcome.ok()) group->Abandon();
  return outcome;
}

}  // namespace

absl::StatusOr<RunOutcome> Run(const job::Job& job, const RunOptions& options,
                               events::EventSink& sink, events::Progress& progress,
                               const Clock& clock, const std::atomic<bool>& stop) {
  events::StampedSink stamped(sink, "rank", options.ranks.rank);
  events::EventSink& to = options.ranks.alone() ? sink : stamped;
  const events::Heartbeat heartbeat(progress, to);
  auto outcome = MeetAndRun(job, options, to, progress, clock, stop);
  if (!outcome.ok()) {
    to.Emit({{"event", kind::kFailed},
             {"code", absl::StatusCodeToString(outcome.status().code())},
             {"message", Message(outcome.status())},
             {"step", progress.Read().step}});
  }
  return outcome;
}

}  // namespace lrti::train
