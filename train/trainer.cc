#include "train/trainer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "common/base/hash.h"
#include "common/base/status.h"
#include "common/config/dump.h"
#include "nn/losses/charbonnier.h"
#include "train/checkpoint/load.h"
#include "train/tensor/autocast.h"
#include "train/tensor/device.h"
#include "train/tensor/frames.h"

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

/// Frames [first, first + count) of a sequence, as [1, count, 3, h, w] on the device.
at::Tensor Frames(const std::vector<uint8_t>& planes, int64_t first, int64_t count, int64_t height,
                  int64_t width, const c10::Device& device) {
  const auto size = static_cast<size_t>(3 * height * width);
  const auto begin = planes.begin() + static_cast<int64_t>(size) * first;
  const std::vector<uint8_t> part(begin, begin + static_cast<int64_t>(size) * count);
  return FromPlanes(part, count, 3, height, width).to(device);
}

at::Tensor LrFrames(const LoadedFrames& loaded, int64_t first, int64_t count,
                    const c10::Device& device) {
  const data::Sequence& sequence = *loaded.frames;
  return Frames(sequence.lr, first - loaded.first, count, sequence.height, sequence.width, device);
}

at::Tensor HrFrames(const LoadedFrames& loaded, int64_t first, int64_t count,
                    const c10::Device& device) {
  const data::Sequence& sequence = *loaded.frames;
  return Frames(sequence.hr, first - loaded.first, count, 4 * sequence.height, 4 * sequence.width,
                device);
}

nn::Flows Slice(const nn::Flows& flows, int64_t first, int64_t count) {
  if (!flows.forward.defined() || count <= 0) return {};
  return {flows.forward.narrow(1, first, count), flows.backward.narrow(1, first, count)};
}

nn::Flows Stack(const std::vector<nn::Flows>& rows) {
  if (!rows.front().forward.defined()) return {};
  std::vector<at::Tensor> forward, backward;
  for (const nn::Flows& row : rows) {
    forward.push_back(row.forward);
    backward.push_back(row.backward);
  }
  return {at::cat(forward, 0), at::cat(backward, 0)};
}

double AddedTerm(const job::LossConfig& loss) {
  return loss.epsilon_form == job::EpsilonForm::kAdded ? nn::AddedEpsilon(loss.epsilon)
                                                       : nn::SquaredEpsilon(loss.epsilon);
}

double Psnr(double mean_squared_error) { return -10 * std::log10(mean_squared_error); }

}  // namespace

/// Clips that fit one batch: equal context, equal frame size.
struct Trainer::Group {
  std::vector<PlannedClip> clips;
  std::vector<LoadedFrames> frames;
};

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Make(const job::Spec& spec,
                                                       const data::Dataset& dataset,
                                                       hidden_state::Store& store,
                                                       events::Progress& progress,
                                                       const c10::Device& device) {
  torch::manual_seed(spec.train.seed);
  std::shared_ptr<nn::Model> model = nn::MakeModel(spec.model);
  model->to(device);
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
      progress_(progress),
      device_(device),
      plan_(std::move(plan)),
      model_(std::move(model)),
      optimizer_(spec.optimizer, spec.train.iterations, ParametersOf(*model_),
                 model_->FlowPrefix()) {
  if (spec.train.ema_decay > 0) ema_.emplace(spec.train.ema_decay, ParametersOf(*model_));
  OpenStates();
}

void Trainer::OpenStates() {
  states_.emplace(*model_, plan_, store_,
                  SequenceStates::Options{.job = Fingerprint(config::Dump(spec_)).value(),
                                          .model = Fingerprint(config::Dump(spec_.model)).value(),
                                          .cache = spec_.cache,
                                          .precision = spec_.train.precision,
                                          .seed = spec_.train.seed,
                                          .lineage = lineage_,
                                          .device = device_});
}

int64_t Trainer::parameters() const {
  int64_t count = 0;
  for (const at::Tensor& parameter : model_->parameters()) count += parameter.numel();
  return count;
}

int64_t Trainer::MicroBatch() const {
  return spec_.train.micro_batch == 0 ? spec_.train.global_batch : spec_.train.micro_batch;
}

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
  const int64_t refresh = plan_.RefreshOf(step_);
  optimizer_.Prepare(step_);
  if (refresh != refresh_) LRTI_RETURN_IF_ERROR(StartRefresh(refresh));
  LRTI_ASSIGN_OR_RETURN(const std::vector<Group> groups, LoadClips());

  size_t clips = 0;
  for (const Group& group : groups) clips += group.clips.size();
  StepResult result;
  double squared_error = 0;
  progress_.SetPhase(Phase::kForwardBackward);
  for (const Group& group : groups) {
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
  result.recomputed_states = states_->recomputed();
  result.step = ++step_;
  progress_.SetStep(step_);
  return result;
}

absl::Status Trainer::StartRefresh(int64_t refresh) {
  const bool in_the_middle = step_ % plan_.StepsPerRefresh() != 0;  // resumed there
  const bool by_epoch = plan_.procedure().scope == Scope::kEpoch;
  if (!loader_) {
    loader_ = std::make_unique<SequenceLoader>(
        dataset_, plan_,
        SequenceLoader::Options{
            .threads = spec_.data.workers,
            .ahead = spec_.data.prefetch,
            .first_step = step_,
            .first_refresh = by_epoch && in_the_middle ? refresh + 1 : refresh});
  }
  if (refresh_ >= 0 && plan_.procedure().has_long_pass()) {
    std::vector<int64_t> old;
    for (int64_t i = 0; i < plan_.SequencesPerRefresh(); ++i) {
      old.push_back(refresh_ * plan_.SequencesPerRefresh() + i);
    }
    states_->Forget(old);
  }
  flows_.clear();
  sequences_.clear();
  refresh_ = refresh;
  if (!by_epoch) {
    LRTI_RETURN_IF_ERROR(LoadSequences(refresh));
    if (in_the_middle || !plan_.procedure().has_long_pass()) return absl::OkStatus();
    ReleaseFreedMemory(device_);
    // Sequences of equal shape run side by side, as many as a clip batch has.
    std::map<std::tuple<int64_t, int64_t, int64_t>, std::vector<int64_t>> by_shape;
    for (const auto& [number, loaded] : sequences_) {
      const data::Sequence& frames = *loaded.frames;
      by_shape[{frames.cut.frames, frames.height, frames.width}].push_back(number);
    }
    for (const auto& [shape, numbers] : by_shape) {
      for (size_t i = 0; i < numbers.size(); i += static_cast<size_t>(MicroBatch())) {
        const size_t end = std::min(numbers.size(), i + static_cast<size_t>(MicroBatch()));
        std::vector<int64_t> batch(numbers.begin() + static_cast<int64_t>(i),
                                   numbers.begin() + static_cast<int64_t>(end));
        std::vector<LoadedFrames> loaded;
        for (const int64_t number : batch) loaded.push_back(sequences_.at(number));
        LRTI_RETURN_IF_ERROR(LongPass(batch, loaded));
      }
    }
    ReleaseFreedMemory(device_);
    return absl::OkStatus();
  }
  if (in_the_middle) return absl::OkStatus();
  for (int64_t i = 0; i < plan_.SequencesPerRefresh(); ++i) {
    progress_.SetPhase(Phase::kLoading);
    LRTI_ASSIGN_OR_RETURN(const LoadedFrames loaded, loader_->NextSequence());
    LRTI_RETURN_IF_ERROR(LongPass({refresh * plan_.SequencesPerRefresh() + i}, {loaded}));
  }
  return absl::OkStatus();
}

absl::Status Trainer::LoadSequences(int64_t refresh) {
  progress_.SetPhase(Phase::kLoading);
  for (int64_t i = 0; i < plan_.SequencesPerRefresh(); ++i) {
    LRTI_ASSIGN_OR_RETURN(sequences_[refresh * plan_.SequencesPerRefresh() + i],
                          loader_->NextSequence());
  }
  return absl::OkStatus();
}

absl::Status Trainer::LongPass(const std::vector<int64_t>& sequences,
                               const std::vector<LoadedFrames>& loaded) {
  progress_.SetPhase(Phase::kLongPass);
  const torch::NoGradGuard no_grad;
  std::vector<at::Tensor> rows;
  for (const LoadedFrames& row : loaded) {
    rows.push_back(LrFrames(row, 0, row.frames->cut.frames, device_));
  }
  const at::Tensor frames = at::cat(rows, 0);
  nn::Flows flows;
  if (plan_.procedure().scope == Scope::kSequence && optimizer_.FlowFrozen(step_)) {
    std::vector<nn::Flows> parts;
    for (const int64_t sequence : sequences) parts.push_back(SequenceFlows(sequence));
    flows = Stack(parts);
  } else {
    flows = model_->EstimateFlows(frames, states_->ReachOf(sequences));
  }
  states_->LongPass(sequences, frames, flows, step_);
  return absl::OkStatus();
}

absl::Status Trainer::Recompute(int64_t sequence) {
  if (const auto it = sequences_.find(sequence); it != sequences_.end()) {
    return LongPass({sequence}, {it->second});
  }
  LRTI_ASSIGN_OR_RETURN(const LoadedFrames loaded, loader_->Reload(sequence));
  return LongPass({sequence}, {loaded});
}

absl::StatusOr<std::vector<Trainer::Group>> Trainer::LoadClips() {
  const std::vector<PlannedClip> clips = plan_.Step(step_);
  std::vector<LoadedFrames> loaded;
  if (plan_.procedure().scope == Scope::kEpoch) {
    progress_.SetPhase(Phase::kLoading);
    LRTI_ASSIGN_OR_RETURN(loaded, loader_->NextClips());
  } else {
    for (const PlannedClip& clip : clips) loaded.push_back(sequences_.at(clip.sequence));
  }
  std::map<std::tuple<int64_t, int64_t, int64_t, int64_t>, std::vector<Group>> by_shape;
  for (size_t i = 0; i < clips.size(); ++i) {
    const data::Sequence& frames = *loaded[i].frames;
    auto& groups = by_shape[{clips[i].left, clips[i].right, frames.height, frames.width}];
    if (groups.empty() || static_cast<int64_t>(groups.back().clips.size()) >= MicroBatch()) {
      groups.emplace_back();
    }
    groups.back().clips.push_back(clips[i]);
    groups.back().frames.push_back(loaded[i]);
  }
  std::vector<Group> all;
  for (auto& [shape, groups] : by_shape) {
    for (Group& group : groups) all.push_back(std::move(group));
  }
  return all;
}

const nn::Flows& Trainer::SequenceFlows(int64_t sequence) {
  auto [it, is_new] = flows_.try_emplace(sequence);
  if (is_new) {
    const torch::NoGradGuard no_grad;
    const LoadedFrames& loaded = sequences_.at(sequence);
    // From the first clip's begin to the last clip's end; the long pass does not go further.
    nn::Reach reach{.forward_end = 0, .backward_begin = loaded.frames->cut.frames};
    for (const PlannedClip& clip : plan_.ClipsOf(sequence)) {
      const int64_t end = clip.start + plan_.procedure().clip_frames;
      reach.forward_end = std::max(reach.forward_end, end);
      reach.backward_begin = std::min(reach.backward_begin, clip.start);
    }
    it->second =
        model_->EstimateFlows(LrFrames(loaded, 0, loaded.frames->cut.frames, device_), reach);
  }
  return it->second;
}

nn::Flows Trainer::FlowsOf(const Group& group, const nn::Clip& clip) {
  // No branch walks into the context behind it: those flows are not needed.
  const nn::Reach reach{.forward_end = clip.frames.size(1) - clip.right,
                        .backward_begin = clip.left};
  if (!optimizer_.FlowFrozen(step_)) return model_->EstimateFlows(clip.frames, reach);
  // A frozen flow net gives the long pass and all clips of a sequence the same flows.
  const bool padded = plan_.procedure().source == StateSource::kRandom;
  if (plan_.procedure().scope == Scope::kEpoch || padded) {
    const torch::NoGradGuard no_grad;
    return model_->EstimateFlows(clip.frames, reach);
  }
  std::vector<nn::Flows> rows;
  for (const PlannedClip& planned : group.clips) {
    const int64_t first = planned.start - planned.left;
    rows.push_back(Slice(SequenceFlows(planned.sequence), first, clip.frames.size(1) - 1));
  }
  return Stack(rows);
}

absl::StatusOr<nn::Clip> Trainer::MakeClip(const Group& group) {
  const Procedure& procedure = plan_.procedure();
  nn::Clip clip;
  clip.left = group.clips.front().left;
  clip.right = group.clips.front().right;
  std::vector<at::Tensor> rows;
  std::vector<int64_t> sequences;
  for (size_t i = 0; i < group.clips.size(); ++i) {
    rows.push_back(LrFrames(group.frames[i], group.clips[i].start - clip.left,
                            clip.left + procedure.clip_frames + clip.right, device_));
    sequences.push_back(group.clips[i].sequence);
  }
  clip.frames = at::cat(rows, 0);
  if (procedure.source == StateSource::kRandom) {
    clip.left = clip.right = procedure.order;
    clip.frames = RepeatEnds(clip.frames, procedure.order);
    clip.boundary =
        states_->RandomStates(sequences, step_, clip.frames.size(3), clip.frames.size(4));
  } else if (procedure.has_long_pass()) {
    LRTI_ASSIGN_OR_RETURN(
        clip.boundary, states_->Boundary(group.clips, step_,
                                         [this](int64_t sequence) { return Recompute(sequence); }));
    progress_.SetPhase(Phase::kForwardBackward);
  }
  clip.flows = FlowsOf(group, clip);
  return clip;
}

absl::StatusOr<std::pair<double, double>> Trainer::Backward(const Group& group, double weight) {
  LRTI_ASSIGN_OR_RETURN(const nn::Clip clip, MakeClip(group));
  std::vector<at::Tensor> targets;
  for (size_t i = 0; i < group.clips.size(); ++i) {
    targets.push_back(
        HrFrames(group.frames[i], group.clips[i].start, plan_.procedure().clip_frames, device_));
  }
  const at::Tensor target = at::cat(targets, 0);
  at::Tensor output;
  {
    const PrecisionGuard precision(device_, spec_.train.precision);
    output = model_->Forward(clip, {});
  }
  output = output.to(at::kFloat);
  const at::Tensor loss = nn::Charbonnier(output, target, AddedTerm(spec_.loss)) * weight;
  loss.backward();
  const torch::NoGradGuard no_grad;
  const double squared_error = (output.detach() - target).square_().mean().item<double>();
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
    SequenceStates::Saved saved = states_->Save(step_);
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
  OpenStates();
  if (const NamedTensors states = group("states"); !states.empty()) {
    SequenceStates::Saved saved{.tensors = states};
    for (const auto& [name, step] :
         snapshot.extra.value("state_steps", std::map<std::string, uint64_t>{})) {
      saved.steps[name] = step;
    }
    LRTI_RETURN_IF_ERROR(states_->Restore(saved));
  }
  return absl::OkStatus();
}

}  // namespace lrti::train
