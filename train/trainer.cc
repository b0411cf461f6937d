#include "train/trainer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#include <cmath>
#include <utility>

#include "common/base/status.h"
#include "common/config/dump.h"
#include "nn/losses/charbonnier.h"
#include "nn/models/parameter_count.h"
#include "train/checkpoint/load.h"
#include "train/state_store.h"
#include "train/tensor/autocast.h"

namespace lrti::train {
namespace {

using events::Phase;

NamedTensors ParametersOf(const nn::Model& model) {
  NamedTensors named;
  for (const auto& item : model.named_parameters()) named[item.key()] = item.value();
  return named;
}

NamedTensors Copied(NamedTensors tensors) {
  for (auto& [name, tensor] : tensors) {
    tensor = tensor.detach().to(at::kCPU, /*non_blocking=*/false, /*copy=*/true);
  }
  return tensors;
}

double AddedTerm(const job::LossConfig& loss) {
  return loss.epsilon_form == job::EpsilonForm::kAdded ? nn::AddedEpsilon(loss.epsilon)
                                                       : nn::SquaredEpsilon(loss.epsilon);
}

double Psnr(double mean_squared_error) { return -10 * std::log10(mean_squared_error); }

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Make(const job::Spec& spec,
                                                       const data::Dataset& dataset,
                                                       hidden_state::Store& store,
                                                       events::Progress& progress,
                                                       const c10::Device& device) {
  torch::manual_seed(spec.train.seed);
  std::shared_ptr<nn::Model> model = nn::MakeModel(spec.model);
  model->to(device);
  model->SetActivationCheckpointing(spec.train.activation_checkpointing);
  LRTI_ASSIGN_OR_RETURN(
      ClipPlan plan, ClipPlan::Make(MakeProcedure(spec.strategy, model->Context()), spec.data.train,
                                    dataset.clips(), spec.train.global_batch, spec.train.seed));
  return std::unique_ptr<Trainer>(
      new Trainer(spec, dataset, store, progress, device, std::move(plan), std::move(model)));
}

Trainer::Trainer(const job::Spec& spec, const data::Dataset& dataset, hidden_state::Store& store,
                 events::Progress& progress, const c10::Device& device, ClipPlan plan,
                 std::shared_ptr<nn::Model> model)
    : spec_(spec),
      dataset_(dataset),
      store_(store),
      states_name_(NameOfStates(spec)),
      progress_(progress),
      device_(device),
      plan_(std::move(plan)),
      model_(std::move(model)),
      optimizer_(spec.optimizer, spec.train.iterations, ParametersOf(*model_),
                 model_->FlowPrefix()) {
  if (spec.train.ema_decay > 0) ema_.emplace(spec.train.ema_decay, ParametersOf(*model_));
  OpenClips();
}

void Trainer::OpenClips() {
  clips_.emplace(ClipSource::Run{.spec = spec_,
                                 .dataset = dataset_,
                                 .plan = plan_,
                                 .model = *model_,
                                 .store = store_,
                                 .progress = progress_,
                                 .device = device_,
                                 .states_name = states_name_,
                                 .lineage = lineage_});
}

void Trainer::ForgetStates() {
  if (spec_.cache.share.empty()) clips_->states().ForgetAll();
}

int64_t Trainer::parameters() const { return nn::ParameterCount(*model_); }

absl::StatusOr<StepResult> Trainer::Step() {
  try {
    return DoStep();
  } catch (const c10::OutOfMemoryError& error) {
    return Error(absl::StatusCode::kResourceExhausted,
                 "step {}: the device's memory is full; lower spec.train.micro_batch, "
                 "spec.strategy.clip_frames or spec.data.train.crop ({})",
                 step_ + 1, error.what_without_backtrace());
  } catch (const c10::Error& error) {
    return Error(absl::StatusCode::kInternal, "step {}: {}", step_ + 1,
                 error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return Error(absl::StatusCode::kResourceExhausted,
                 "step {}: main memory is full; lower spec.train.micro_batch or "
                 "spec.strategy.clip_frames",
                 step_ + 1);
  }
}

absl::StatusOr<StepResult> Trainer::DoStep() {
  optimizer_.Prepare(step_);
  const bool flow_is_fixed = optimizer_.FlowFrozen(step_) || !model_->FlowLearns();
  LRTI_RETURN_IF_ERROR(clips_->Open(step_, flow_is_fixed));
  LRTI_ASSIGN_OR_RETURN(const std::vector<ClipGroup> groups, clips_->Groups());

  size_t clips = 0;
  for (const ClipGroup& group : groups) clips += group.clips.size();
  StepResult result;
  double squared_error = 0;
  progress_.SetPhase(Phase::kForwardBackward);
  for (const ClipGroup& group : groups) {
    const double weight = static_cast<double>(group.clips.size()) / static_cast<double>(clips);
    LRTI_ASSIGN_OR_RETURN(const auto losses, Backward(group, weight));
    result.loss += losses.first;
    squared_error += losses.second;
  }
  progress_.SetPhase(Phase::kOptimizer);
  result.gradient_norm = optimizer_.GradientNorm().item<double>();
  if (!std::isfinite(result.loss) || !std::isfinite(result.gradient_norm)) {
    optimizer_.ZeroGradients();
    return Error(absl::StatusCode::kInternal,
                 "step {}: the loss is {} and the gradient norm {}; no weight was changed. Lower "
                 "spec.optimizer.lr, or look at the data",
                 step_ + 1, result.loss, result.gradient_norm);
  }
  optimizer_.Step(step_);
  optimizer_.ZeroGradients();
  if (ema_) ema_->Update();

  result.psnr = Psnr(squared_error);
  result.learning_rate = optimizer_.Rate(step_);
  result.recomputed_states = clips_->states().recomputed();
  result.step = ++step_;
  progress_.SetStep(step_);
  return result;
}

absl::StatusOr<std::pair<double, double>> Trainer::Backward(const ClipGroup& group, double weight) {
  LRTI_ASSIGN_OR_RETURN(const TrainingClips clips, clips_->Load(group));
  at::Tensor output;
  {
    const PrecisionGuard precision(device_, spec_.train.precision);
    output = model_->Forward(clips.clip, {});
  }
  output = output.to(at::kFloat);
  const at::Tensor loss = nn::Charbonnier(output, clips.target, AddedTerm(spec_.loss)) * weight;
  loss.backward();
  const torch::NoGradGuard no_grad;
  const double squared_error = (output.detach() - clips.target).square_().mean().item<double>();
  return std::pair{loss.item<double>(), squared_error * weight};
}

checkpoint::Snapshot Trainer::Save() const {
  checkpoint::Snapshot snapshot;
  snapshot.step = step_;
  snapshot.lineage = lineage_;
  snapshot.config = config::Dump(spec_);
  snapshot.groups["model"] = Copied(checkpoint::TensorsOf(*model_));
  snapshot.groups["optimizer"] = Copied(optimizer_.State());
  if (ema_) snapshot.groups["ema"] = Copied(ema_->State());
  snapshot.groups["generators"] = {
      {"cpu", at::detail::getDefaultCPUGenerator().get_state().clone()}};
  const bool inside = step_ % plan_.StepsPerRefresh() != 0;
  if (inside && plan_.procedure().has_long_pass() && spec_.train.checkpoint_states) {
    SequenceStates::Saved saved = clips_->states().Save(step_);
    snapshot.groups["states"] = std::move(saved.tensors);
    snapshot.extra["state_steps"] = saved.steps;
  }
  return snapshot;
}

absl::Status Trainer::Restore(const checkpoint::Snapshot& snapshot) {
  const auto group = [&](const std::string& name) {
    const auto it = snapshot.groups.find(name);
    return it == snapshot.groups.end() ? NamedTensors{} : it->second;
  };
  LRTI_RETURN_IF_ERROR(checkpoint::LoadInto(*model_, group("model"), /*strict=*/true));
  LRTI_RETURN_IF_ERROR(optimizer_.Restore(group("optimizer")));
  if (ema_) LRTI_RETURN_IF_ERROR(ema_->Restore(group("ema")));
  const NamedTensors generators = group("generators");
  if (const auto cpu = generators.find("cpu"); cpu != generators.end()) {
    at::Generator generator = at::detail::getDefaultCPUGenerator();
    generator.set_state(cpu->second);
  }
  step_ = snapshot.step;
  progress_.SetStep(step_);
  lineage_ = snapshot.lineage + 1;
  OpenClips();
  if (const NamedTensors states = group("states"); !states.empty()) {
    SequenceStates::Saved saved{.tensors = states};
    for (const auto& [name, step] :
         snapshot.extra.value("state_steps", std::map<std::string, uint64_t>{})) {
      saved.steps[name] = step;
    }
    LRTI_RETURN_IF_ERROR(clips_->states().Restore(saved));
  }
  return absl::OkStatus();
}

}  // namespace lrti::train
