#pragma once

#include <c10/core/Device.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/events/progress.h"
#include "common/hidden_state/store.h"
#include "common/job/job.h"
#include "data/dataset.h"
#include "nn/models/model.h"
#include "train/sequence_loader.h"
#include "train/sequence_states.h"
#include "train/strategies/clip_plan.h"

namespace lrti::train {

/// The flag of a run that nobody stops.
inline const std::atomic<bool> kNeverStopped = false;

/// Planned clips that fit one batch (equal context, equal frame size), and their frames.
struct ClipGroup {
  std::vector<PlannedClip> clips;
  std::vector<LoadedFrames> frames;
};

/// What a network trains on.
struct TrainingClips {
  nn::Clip clip;
  at::Tensor target;  // [B, L, 3, 4H, 4W]
};

/// The clips of a run's steps, ready for the network: frames, the states they start from, flows;
/// of several ranks, those of one.
///
/// At the begin of a refresh it loads the sequences and runs the network over them without
/// gradient; clips of the refresh start from the states which that left. Ranks share the long
/// passes of an epoch when they share a cache; each has then to wait for all before it loads clips.
/// Without one, each runs them all. The arguments of the constructor must outlive it.
class ClipSource {
 public:
  struct Run {
    const job::Spec& spec;
    const data::Dataset& dataset;
    const ClipPlan& plan;
    nn::Model& model;
    hidden_state::Store& store;
    events::Progress& progress;
    c10::Device device;
    uint64_t states_name = 0;  // NameOfStates
    uint64_t lineage = 0;
    Share share;
    const std::atomic<bool>& stop = kNeverStopped;
  };

  explicit ClipSource(const Run& run);

  /// Opens `step`, which must be the next one (any, the first time). `flow_is_fixed`: no weight of
  /// the flow net changes within the refresh, so its flows serve the long pass and all clips.
  /// Errors: those of the data.
  absl::Status Open(int64_t step, bool flow_is_fixed);

  /// Whether `stop` ended the long passes of an epoch before all were done. There are no clips
  /// then.
  bool stopped() const { return stopped_; }

  /// The clips of the open step, in groups of a micro-batch at most; none where the share is empty.
  /// Once for each step.
  absl::StatusOr<std::vector<ClipGroup>> Groups();

  /// A group's tensors. Flows carry a graph unless the flow net is fixed.
  absl::StatusOr<TrainingClips> Load(const ClipGroup& group);

  const SequenceStates& states() const { return states_; }
  SequenceStates& states() { return states_; }

 private:
  absl::Status BeginRefresh(bool resumed_inside);
  absl::Status BeginSequences(bool resumed_inside);
  absl::Status BeginEpoch(bool resumed_inside);
  void MakeLoader(bool resumed_inside);
  void ForgetRefresh();
  Share LongPassShare() const;
  bool HasCache() const { return run_.spec.cache.mode == job::CacheMode::kService; }
  int64_t MicroBatch() const;
  bool IsShared() const { return !run_.spec.cache.share.empty(); }

  absl::Status LongPass(const std::vector<int64_t>& sequences,
                        const std::vector<LoadedFrames>& loaded);
  nn::Flows LongPassFlows(const std::vector<int64_t>& sequences, const at::Tensor& frames);
  absl::Status Recompute(int64_t sequence);

  nn::Flows FlowsOf(const ClipGroup& group, const nn::Clip& clip);
  const nn::Flows& SequenceFlows(int64_t sequence);

  const Run run_;
  SequenceStates states_;
  std::unique_ptr<SequenceLoader> loader_;

  int64_t step_ = -1;
  int64_t refresh_ = -1;
  bool flow_is_fixed_ = false;
  bool stopped_ = false;
  std::map<int64_t, LoadedFrames> sequences_;  // of this refresh, scope kSequence
  std::map<int64_t, nn::Flows> flows_;         // of those, while the flow net is fixed
};

}  // namespace lrti::train
