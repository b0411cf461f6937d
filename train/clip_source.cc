#include "train/clip_source.h"

#include <torch/torch.h>

#include <algorithm>
#include <span>
#include <tuple>
#include <utility>

#include "common/base/hash.h"
#include "common/base/status.h"
#include "common/config/dump.h"
#include "nn/models/evaluation_mode.h"
#include "train/tensor/device.h"
#include "train/tensor/frames.h"

namespace lrti::train {
namespace {

using events::Phase;

std::span<const std::vector<uint8_t>> Part(const std::vector<std::vector<uint8_t>>& frames,
                                           int64_t first, int64_t count) {
  return std::span(frames).subspan(static_cast<size_t>(first), static_cast<size_t>(count));
}

/// Frames [first, first + count) of a sequence, as [1, count, 3, h, w] on the device.
at::Tensor LrFrames(const LoadedFrames& loaded, int64_t first, int64_t count,
                    const c10::Device& device) {
  const data::Sequence& sequence = *loaded.frames;
  return FromPlanes(Part(sequence.lr, first - loaded.first, count), 3, sequence.height,
                    sequence.width, device);
}

at::Tensor HrFrames(const LoadedFrames& loaded, int64_t first, int64_t count,
                    const c10::Device& device) {
  const data::Sequence& sequence = *loaded.frames;
  return FromPlanes(Part(sequence.hr, first - loaded.first, count), 3, 4 * sequence.height,
                    4 * sequence.width, device);
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

SequenceStates::Options StateOptions(const ClipSource::Run& run) {
  return {.job = run.states_name,
          .model = Fingerprint(config::Dump(run.spec.model)).value(),
          .cache = run.spec.cache,
          .precision = run.spec.train.precision,
          .seed = run.spec.train.seed,
          .lineage = run.lineage,
          .device = run.device};
}

}  // namespace

ClipSource::ClipSource(const Run& run)
    : run_(run), states_(run.model, run.plan, run.store, StateOptions(run)) {}

int64_t ClipSource::MicroBatch() const {
  const job::TrainConfig& train = run_.spec.train;
  return train.micro_batch == 0 ? train.global_batch : train.micro_batch;
}

absl::Status ClipSource::Open(int64_t step, bool flow_is_fixed) {
  const bool resumed = step_ < 0;
  step_ = step;
  flow_is_fixed_ = flow_is_fixed;
  const int64_t refresh = run_.plan.RefreshOf(step);
  if (refresh == refresh_) return absl::OkStatus();
  const bool resumed_inside = resumed && step % run_.plan.StepsPerRefresh() != 0;
  if (!loader_) MakeLoader(resumed_inside);
  if (refresh_ >= 0) ForgetRefresh();
  refresh_ = refresh;
  return BeginRefresh(resumed_inside);
}

void ClipSource::MakeLoader(bool resumed_inside) {
  const bool by_epoch = run_.plan.procedure().scope == Scope::kEpoch;
  const int64_t refresh = run_.plan.RefreshOf(step_);
  loader_ = std::make_unique<SequenceLoader>(
      run_.dataset, run_.plan,
      SequenceLoader::Options{.threads = run_.spec.data.workers,
                              .ahead = run_.spec.data.prefetch,
                              .first_step = step_,
                              .first_refresh = by_epoch && resumed_inside ? refresh + 1 : refresh,
                              .sequences = LongPassShare(),
                              .clips = run_.share});
}

void ClipSource::ForgetRefresh() {
  // Another trainer may still be at this refresh; what nobody reads any more, the cache evicts.
  if (run_.plan.procedure().has_long_pass() && !IsShared()) {
    // Of a cache each rank forgets what it made; of its own memory also what a checkpoint brought.
    states_.Forget(run_.plan.SequencesOf(refresh_, HasCache() ? LongPassShare() : Share()));
  }
  flows_.clear();
  sequences_.clear();
}

// An epoch's clips of one sequence fall to any rank: without a cache each needs them all.
Share ClipSource::LongPassShare() const {
  const bool by_epoch = run_.plan.procedure().scope == Scope::kEpoch;
  return by_epoch && !HasCache() ? Share() : run_.share;
}

absl::Status ClipSource::BeginRefresh(bool resumed_inside) {
  // A long pass and training leave tensors of other sizes behind: each begins with a clean slate.
  const bool long_pass = run_.plan.procedure().has_long_pass() && !resumed_inside;
  if (long_pass) ReleaseFreedMemory(run_.device);
  LRTI_RETURN_IF_ERROR(run_.plan.procedure().scope == Scope::kEpoch
                           ? BeginEpoch(resumed_inside)
                           : BeginSequences(resumed_inside));
  if (long_pass) ReleaseFreedMemory(run_.device);
  return absl::OkStatus();
}

absl::Status ClipSource::BeginSequences(bool resumed_inside) {
  run_.progress.SetPhase(Phase::kLoading);
  for (const int64_t number : run_.plan.SequencesOf(refresh_, LongPassShare())) {
    LRTI_ASSIGN_OR_RETURN(sequences_[number], loader_->NextSequence());
  }
  if (resumed_inside || !run_.plan.procedure().has_long_pass()) return absl::OkStatus();

  // Sequences of equal shape run side by side, as many as a clip batch has.
  std::map<std::tuple<int64_t, int64_t, int64_t>, std::vector<int64_t>> by_shape;
  for (const auto& [number, loaded] : sequences_) {
    const data::Sequence& frames = *loaded.frames;
    by_shape[{frames.cut.frames, frames.height, frames.width}].push_back(number);
  }
  for (const auto& [shape, numbers] : by_shape) {
    const auto micro_batch = static_cast<size_t>(MicroBatch());
    for (size_t i = 0; i < numbers.size(); i += micro_batch) {
      const std::span<const int64_t> some =
          std::span(numbers).subspan(i, std::min(micro_batch, numbers.size() - i));
      std::vector<LoadedFrames> loaded;
      for (const int64_t number : some) loaded.push_back(sequences_.at(number));
      LRTI_RETURN_IF_ERROR(LongPass({some.begin(), some.end()}, loaded));
    }
  }
  return absl::OkStatus();
}

absl::Status ClipSource::BeginEpoch(bool resumed_inside) {
  if (resumed_inside) return absl::OkStatus();  // what is lost is recomputed where it is needed
  for (const int64_t number : run_.plan.SequencesOf(refresh_, LongPassShare())) {
    stopped_ = run_.stop;
    if (stopped_) return absl::OkStatus();  // minutes may be left, and nothing is lost
    run_.progress.SetPhase(Phase::kLoading);
    LRTI_ASSIGN_OR_RETURN(const LoadedFrames loaded, loader_->NextSequence());
    if (IsShared() && states_.AreThere(number, step_)) continue;
    LRTI_RETURN_IF_ERROR(LongPass({number}, {loaded}));
  }
  return absl::OkStatus();
}

absl::Status ClipSource::LongPass(const std::vector<int64_t>& sequences,
                                  const std::vector<LoadedFrames>& loaded) {
  run_.progress.SetPhase(Phase::kLongPass);
  const torch::NoGradGuard no_grad;
  const nn::EvaluationMode evaluation(run_.model);
  std::vector<at::Tensor> rows;
  for (const LoadedFrames& row : loaded) {
    rows.push_back(LrFrames(row, 0, row.frames->cut.frames, run_.device));
  }
  const at::Tensor frames = at::cat(rows, 0);
  states_.LongPass(sequences, frames, LongPassFlows(sequences, frames), step_);
  return absl::OkStatus();
}

nn::Flows ClipSource::LongPassFlows(const std::vector<int64_t>& sequences,
                                    const at::Tensor& frames) {
  const Procedure& procedure = run_.plan.procedure();
  if (procedure.long_initial_state == job::InitialState::kRandom) return {};  // it makes its own
  if (flow_is_fixed_ && procedure.scope == Scope::kSequence) {
    std::vector<nn::Flows> parts;
    for (const int64_t sequence : sequences) parts.push_back(SequenceFlows(sequence));
    return Stack(parts);
  }
  const nn::Reach reach = states_.ReachOf(sequences);
  return run_.model.EstimateFlows(frames, run_.model.FlowReach(reach, frames.size(1)));
}

absl::Status ClipSource::Recompute(int64_t sequence) {
  if (const auto it = sequences_.find(sequence); it != sequences_.end()) {
    return LongPass({sequence}, {it->second});
  }
  LRTI_ASSIGN_OR_RETURN(const LoadedFrames loaded, loader_->Reload(sequence));
  return LongPass({sequence}, {loaded});
}

absl::StatusOr<std::vector<ClipGroup>> ClipSource::Groups() {
  if (stopped_) return std::vector<ClipGroup>();
  const std::vector<PlannedClip> clips = run_.plan.Step(step_, run_.share);
  std::vector<LoadedFrames> loaded;
  if (run_.plan.procedure().scope == Scope::kEpoch) {
    run_.progress.SetPhase(Phase::kLoading);
    LRTI_ASSIGN_OR_RETURN(loaded, loader_->NextClips());
  } else {
    for (const PlannedClip& clip : clips) loaded.push_back(sequences_.at(clip.sequence));
  }
  std::map<std::tuple<int64_t, int64_t, int64_t, int64_t>, std::vector<ClipGroup>> by_shape;
  for (size_t i = 0; i < clips.size(); ++i) {
    const data::Sequence& frames = *loaded[i].frames;
    auto& groups = by_shape[{clips[i].left, clips[i].right, frames.height, frames.width}];
    if (groups.empty() || static_cast<int64_t>(groups.back().clips.size()) >= MicroBatch()) {
      groups.emplace_back();
    }
    groups.back().clips.push_back(clips[i]);
    groups.back().frames.push_back(loaded[i]);
  }
  std::vector<ClipGroup> all;
  for (auto& [shape, groups] : by_shape) {
    for (ClipGroup& group : groups) all.push_back(std::move(group));
  }
  return all;
}

absl::StatusOr<TrainingClips> ClipSource::Load(const ClipGroup& group) {
  const Procedure& procedure = run_.plan.procedure();
  nn::Clip clip;
  clip.left = group.clips.front().left;
  clip.right = group.clips.front().right;
  std::vector<at::Tensor> rows, targets;
  std::vector<int64_t> sequences, first_numbers;
  for (size_t i = 0; i < group.clips.size(); ++i) {
    const PlannedClip& planned = group.clips[i];
    const int64_t first = planned.start - clip.left;
    const int64_t seen = clip.left + procedure.clip_frames + clip.right;
    rows.push_back(LrFrames(group.frames[i], first, seen, run_.device));
    targets.push_back(HrFrames(group.frames[i], planned.start, procedure.clip_frames, run_.device));
    sequences.push_back(planned.sequence);
    first_numbers.push_back(first);
  }
  clip.frames = at::cat(rows, 0);
  clip.first_number = at::tensor(first_numbers);
  if (procedure.source == StateSource::kRandom) {
    clip.left = clip.right = procedure.order;
    clip.frames = RepeatEnds(clip.frames, procedure.order);
    clip.first_number -= procedure.order;
    clip.boundary =
        states_.RandomStates(sequences, step_, clip.frames.size(3), clip.frames.size(4));
  } else if (procedure.has_long_pass()) {
    LRTI_ASSIGN_OR_RETURN(
        clip.boundary, states_.Boundary(group.clips, step_,
                                        [this](int64_t sequence) { return Recompute(sequence); }));
    run_.progress.SetPhase(Phase::kForwardBackward);
  }
  clip.flows = FlowsOf(group, clip);
  return TrainingClips{std::move(clip), at::cat(targets, 0)};
}

nn::Flows ClipSource::FlowsOf(const ClipGroup& group, const nn::Clip& clip) {
  // No branch walks into the context behind it: those flows are not needed.
  const nn::Reach reach{.forward_end = clip.frames.size(1) - clip.right,
                        .backward_begin = clip.left};
  if (!flow_is_fixed_) return run_.model.EstimateFlows(clip.frames, reach);
  const bool padded = run_.plan.procedure().source == StateSource::kRandom;
  if (run_.plan.procedure().scope == Scope::kEpoch || padded) {
    const torch::NoGradGuard no_grad;
    return run_.model.EstimateFlows(clip.frames, reach);
  }
  std::vector<nn::Flows> rows;
  for (const PlannedClip& planned : group.clips) {
    const int64_t first = planned.start - planned.left;
    rows.push_back(Slice(SequenceFlows(planned.sequence), first, clip.frames.size(1) - 1));
  }
  return Stack(rows);
}

// Flows as far as the clips of the sequence go; its long pass wants states in front of them alone.
const nn::Flows& ClipSource::SequenceFlows(int64_t sequence) {
  const auto [it, is_new] = flows_.try_emplace(sequence);
  if (!is_new) return it->second;
  const torch::NoGradGuard no_grad;
  const LoadedFrames& loaded = sequences_.at(sequence);
  const int64_t length = loaded.frames->cut.frames;
  nn::Reach reach{.forward_end = 0, .backward_begin = length};
  for (const PlannedClip& clip : run_.plan.ClipsOf(sequence)) {
    const int64_t end = clip.start + run_.plan.procedure().clip_frames;
    reach.forward_end = std::max(reach.forward_end, end);
    reach.backward_begin = std::min(reach.backward_begin, clip.start);
  }
  it->second = run_.model.EstimateFlows(LrFrames(loaded, 0, length, run_.device),
                                        run_.model.FlowReach(reach, length));
  return it->second;
}

}  // namespace lrti::train
