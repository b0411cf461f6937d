#include "train/trainer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#include <cmath>
#include <utility>

#include "common/base/hash.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/config/dump.h"
#include "nn/losses/charbonnier.h"
#include "nn/models/parameter_count.h"
#include "train/checkpoint/load.h"
#include "train/checkpoint/manifest.h"
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

std::vector<at::Tensor> LearningOf(const nn::Model& model) {
  std::vector<at::Tensor> learning;
  for (const at::Tensor& parameter : model.parameters()) {
    if (parameter.requires_grad()) learning.push_back(parameter);
  }
  return learning;
}

/// Ranks that see other videos, or another job, would train each on its own.
absl::Status CheckSamePlan(const job::Spec& spec, const ClipPlan& plan, Collective& group) {
  if (spec.train.global_batch % group.world_size() != 0) {
    return InvalidArgument("WORLD_SIZE: {} does not divide spec.train.global_batch ({})",
                           group.world_size(), spec.train.global_batch);
  }
  job::Spec same = spec;  // but for where things lie, which machines may name differently
  same.cache.endpoints.clear();
  same.data.train.source.path.clear();
  same.data.train.source.lr_path.clear();
  for (job::EvalData& set : same.data.eval) {
    set.source.path.clear();
    set.source.lr_path.clear();
  }
  same.train.init_from.clear();
  same.train.flow_init_from.clear();
  same.train.threads = 0;
  Fingerprint fingerprint(config::Dump(same));
  for (const data::ClipInfo& video : plan.videos()) {
    fingerprint.Add(video.name).Add(static_cast<uint64_t>(video.frames));
    fingerprint.Add(static_cast<uint64_t>(video.hr_height * video.hr_width));
  }
  LRTI_ASSIGN_OR_RETURN(const uint64_t expected, group.OfFirst(fingerprint.value()));
  if (fingerprint.value() == expected) return absl::OkStatus();
  return InvalidArgument(
      "rank {}: the job, or the training videos that it finds, differ from those of rank 0; give "
      "all ranks the same",
      group.rank());
}

/// What dropout draws differs between ranks, and is a function of the step, so that nothing has to
/// be saved for it. On a CPU rank 0 draws from the generator that checkpoints hold.
void SeedLikeNoOther(uint64_t seed, int64_t rank, int64_t step) {
  torch::manual_seed(Random{seed, static_cast<uint64_t>(rank), static_cast<uint64_t>(step)}.Next());
}

/// What a checkpoint says beside its tensors; nothing where it is of before. Errors: DataLoss where
/// it is of another kind.
template <typename T>
absl::StatusOr<T> ExtraOf(const checkpoint::Snapshot& snapshot, const char* name) {
  try {
    return snapshot.extra.value(name, T());
  } catch (const nlohmann::json::exception& error) {
    return DataLoss("altered: {} of {}: {}", name, checkpoint::kManifestName, error.what());
  }
}

double Psnr(double mean_squared_error) { return -10 * std::log10(mean_squared_error); }

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Make(const job::Spec& spec,
                                                       const data::Dataset& dataset,
                                                       hidden_state::Store& store,
                                                       events::Progress& progress,
                                                       const c10::Device& device, Collective& group,
                                                       const std::atomic<bool>& stop) {
  torch::manual_seed(spec.train.seed);
  std::shared_ptr<nn::Model> model = nn::MakeModel(spec.model);
  model->to(device);
  model->SetActivationCheckpointing(spec.train.activation_checkpointing);
  LRTI_ASSIGN_OR_RETURN(
      ClipPlan plan, ClipPlan::Make(MakeProcedure(spec.strategy, model->Context()), spec.data.train,
                                    dataset.clips(), spec.train.global_batch, spec.train.seed));
  LRTI_RETURN_IF_ERROR(CheckSamePlan(spec, plan, group));
  LRTI_ASSIGN_OR_RETURN(const uint64_t states_name, group.OfFirst(NameOfStates(spec)));
  return std::unique_ptr<Trainer>(new Trainer(spec, dataset, store, progress, device,
                                              std::move(plan), std::move(model), group, states_name,
                                              stop));
}

Trainer::Trainer(const job::Spec& spec, const data::Dataset& dataset, hidden_state::Store& store,
                 events::Progress& progress, const c10::Device& device, ClipPlan plan,
                 std::shared_ptr<nn::Model> model, Collective& group, uint64_t states_name,
                 const std::atomic<bool>& stop)
    : spec_(spec),
      dataset_(dataset),
      store_(store),
      states_name_(states_name),
      progress_(progress),
      device_(device),
      plan_(std::move(plan)),
      model_(std::move(model)),
      group_(group),
      stop_(stop),
      gradients_(group),
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
                                 .lineage = lineage_,
                                 .share = {group_.rank(), group_.world_size()},
                                 .stop = stop_});
}

void Trainer::TellProgress() {
  progress_.SetStep(step_);
  progress_.SetEpoch(plan_.EpochOf(step_));
}

void Trainer::ForgetStates() {
  if (spec_.cache.share.empty() && group_.first()) clips_->states().ForgetAll();
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
  } catch (const c10::DistError& error) {
    return Prefixed(LostRank(error), fmt::format("step {}", step_ + 1));
  } catch (const c10::Error& error) {
    return Error(absl::StatusCode::kInternal, "step {}: {}", step_ + 1,
                 error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return Error(absl::StatusCode::kResourceExhausted,
                 "step {}: main memory is full; lower spec.train.micro_batch or "
                 "spec.strategy.clip_frames",
                 step_ + 1);
  } catch (const std::exception& error) {
    if (!group_.alone()) return Prefixed(LostRank(error), fmt::format("step {}", step_ + 1));
    return Error(absl::StatusCode::kInternal, "step {}: {}", step_ + 1, error.what());
  }
}

absl::StatusOr<StepResult> Trainer::DoStep() {
  if (!weights_are_agreed_) LRTI_RETURN_IF_ERROR(TakeFirstsWeights());
  optimizer_.Prepare(step_);
  gradients_.Follow(LearningOf(*model_));
  const bool flow_is_fixed = optimizer_.FlowFrozen(step_) || !model_->FlowLearns();
  LRTI_RETURN_IF_ERROR(clips_->Open(step_, flow_is_fixed));
  LRTI_ASSIGN_OR_RETURN(const std::vector<ClipGroup> groups, clips_->Groups());
  if (!group_.first() || device_.is_cuda()) {
    SeedLikeNoOther(spec_.train.seed, group_.rank(), step_);
  }
  LRTI_ASSIGN_OR_RETURN(StepResult result, BackwardAll(groups));

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

  result.learning_rate = optimizer_.Rate(step_);
  result.step = ++step_;
  TellProgress();
  return result;
}

/// The weights, and all that the optimiser knows, become those of rank 0: where machines differ,
/// the same seed or file need not give the same bits.
absl::Status Trainer::TakeFirstsWeights() {
  weights_are_agreed_ = true;
  if (group_.alone()) return absl::OkStatus();
  std::vector<at::Tensor> tensors;
  const auto add = [&](const NamedTensors& some) {
    for (const auto& [name, tensor] : some) tensors.push_back(tensor.detach());
  };
  add(checkpoint::TensorsOf(*model_));
  add(optimizer_.State());
  if (ema_) add(ema_->State());
  return group_.Broadcast(tensors);
}

/// Also the point where ranks wait for those that still load, or run a long pass: from here on all
/// do the same work, and states that one left in a cache are there for the others. One that was
/// stopped on the way there stops all.
absl::StatusOr<int64_t> Trainer::ClipsOfAllRanks(const std::vector<ClipGroup>& groups) {
  if (!group_.alone()) progress_.SetPhase(Phase::kWaiting);
  size_t clips = 0;
  for (const ClipGroup& group : groups) clips += group.clips.size();
  LRTI_ASSIGN_OR_RETURN(const std::vector<double> sums,
                        group_.Sum({static_cast<double>(clips), clips_->stopped() ? 1.0 : 0.0}));
  if (sums[1] > 0) return absl::CancelledError("stopped before all long passes were done");
  return static_cast<int64_t>(sums[0]);
}

absl::StatusOr<StepResult> Trainer::BackwardAll(const std::vector<ClipGroup>& groups) {
  LRTI_ASSIGN_OR_RETURN(const int64_t clips, ClipsOfAllRanks(groups));
  progress_.SetPhase(Phase::kForwardBackward);
  double loss = 0, squared_error = 0;
  for (const ClipGroup& group : groups) {
    const double weight = static_cast<double>(group.clips.size()) / static_cast<double>(clips);
    const bool is_last = &group == &groups.back();
    LRTI_ASSIGN_OR_RETURN(const auto losses, Backward(group, weight, is_last));
    loss += losses.first;
    squared_error += losses.second;
  }
  if (groups.empty()) gradients_.GiveNothing();
  const auto recomputed = static_cast<double>(clips_->states().recomputed());
  LRTI_ASSIGN_OR_RETURN(const std::vector<double> sums,
                        group_.Sum({loss, squared_error, recomputed}));
  StepResult result;
  result.loss = sums[0];
  result.psnr = Psnr(sums[1]);
  result.recomputed_states = static_cast<int64_t>(sums[2]);
  return result;
}

absl::StatusOr<std::pair<double, double>> Trainer::Backward(const ClipGroup& group, double weight,
                                                            bool is_last) {
  LRTI_ASSIGN_OR_RETURN(const TrainingClips clips, clips_->Load(group));
  at::Tensor output;
  {
    const PrecisionGuard precision(device_, spec_.train.precision);
    output = model_->Forward(clips.clip, {});
  }
  output = output.to(at::kFloat);
  // Gradients become means over ranks, but each clip of a step counts alike.
  const auto ranks = static_cast<double>(group_.world_size());
  const at::Tensor loss =
      nn::Charbonnier(output, clips.target, AddedTerm(spec_.loss)) * (weight * ranks);
  if (is_last) gradients_.Expect(loss);
  loss.backward();
  const torch::NoGradGuard no_grad;
  const double squared_error = (output.detach() - clips.target).square_().mean().item<double>();
  return std::pair{loss.item<double>() / ranks, squared_error * weight};
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
    snapshot.extra["state_origins"] = saved.origins;
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
  TellProgress();
  lineage_ = snapshot.lineage + 1;
  OpenClips();
  // In a cache those that rank 0 puts back serve all.
  const bool restores = group_.first() || spec_.cache.mode != job::CacheMode::kService;
  if (const NamedTensors states = group("states"); restores && !states.empty()) {
    SequenceStates::Saved saved;
    saved.tensors = states;
    LRTI_ASSIGN_OR_RETURN(saved.steps, ExtraOf<decltype(saved.steps)>(snapshot, "state_steps"));
    LRTI_ASSIGN_OR_RETURN(saved.origins,
                          ExtraOf<decltype(saved.origins)>(snapshot, "state_origins"));
    LRTI_RETURN_IF_ERROR(clips_->states().Restore(saved));
  }
  return absl::OkStatus();
}

}  // namespace lrti::train
