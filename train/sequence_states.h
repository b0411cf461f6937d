#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/hidden_state/store.h"
#include "common/job/service.h"
#include "common/job/train.h"
#include "nn/models/model.h"
#include "train/strategies/clip_plan.h"

namespace lrti::train {

/// The states that clips start from: made by long passes, kept in a Store, fetched for clips.
///
/// Only states at planned cuts are kept. A state that the store has lost, or that is too old, is
/// never an error: the caller is asked to run the sequence's long pass again, and it is counted.
/// The model, the plan and the store must outlive it.
class SequenceStates {
 public:
  struct Options {
    uint64_t job = 0;    // names this run's states in a shared store
    uint64_t model = 0;  // fingerprint of the network's config
    job::CacheConfig cache;
    job::Precision precision = job::Precision::kFp32;
    uint64_t seed = 0;
    uint64_t lineage = 0;
    c10::Device device = c10::kCPU;
  };

  SequenceStates(nn::Model& model, const ClipPlan& plan, hidden_state::Store& store,
                 const Options& options);

  /// How far the long pass of these sequences has to go: to the outermost states of their clips.
  nn::Reach ReachOf(std::span<const int64_t> sequences) const;

  /// Runs the network over whole sequences, without gradient and for its states alone, and stores
  /// those at the cuts of their planned clips, as of `step`.
  /// `frames`: [B, T, 3, H, W], one row for each number of `sequences`; `flows`: theirs, as far as
  /// the model's FlowReach(ReachOf(sequences)) at least. From random states flows are estimated
  /// here, because the ends of the frames are repeated, and `flows` is not looked at.
  void LongPass(std::span<const int64_t> sequences, const at::Tensor& frames,
                const nn::Flows& flows, int64_t step);

  /// Whether the store has every state of the sequence's cuts for a reader at `step`.
  bool AreThere(int64_t sequence, int64_t step) const;

  /// Drops all states of this run, or of the trainers that share them.
  void ForgetAll() { store_.Drop(options_.job); }

  /// Runs the long pass of one sequence again, as of the step given to Boundary.
  using Recompute = std::function<absl::Status(int64_t sequence)>;

  /// Boundary states of clips with equal left and right context, on the device.
  /// Errors: those of `recompute`.
  absl::StatusOr<nn::BoundaryStates> Boundary(std::span<const PlannedClip> clips, int64_t step,
                                              const Recompute& recompute);

  /// Random states for both sides of clips that start from noise: N(0, 1), drawn by
  /// (seed, sequence, number), in the shape of a state of `height` x `width` LR frames.
  nn::BoundaryStates RandomStates(std::span<const int64_t> sequences, int64_t number,
                                  int64_t height, int64_t width) const;

  /// Forgets what the clips of these sequences needed.
  void Forget(std::span<const int64_t> sequences);

  /// States that steps from `step` to the end of its refresh still need, by name, and the step each
  /// was made at: to be saved. What the store has lost is left out.
  struct Saved {
    std::map<std::string, at::Tensor> tensors;
    std::map<std::string, uint64_t> steps;
    std::map<std::string, std::string> origins;  // OriginOf each sequence, by its number
  };
  Saved Save(int64_t step) const;

  /// Puts saved states back, but for those whose origin is known to be another: of other videos, of
  /// another seed or crop. Errors: InvalidArgument for names that are not states of this run.
  absl::Status Restore(const Saved& saved);

  /// States that had to be computed again.
  int64_t recomputed() const { return recomputed_; }

 private:
  using Place = std::pair<size_t, int64_t>;  // branch, frame of the sequence

  std::set<Place> PlacesOf(const PlannedClip& clip) const;
  std::set<Place> PlacesOf(int64_t sequence) const;
  hidden_state::StateKey KeyOf(int64_t sequence, const Place& place) const;
  std::string OriginOf(int64_t sequence) const;
  absl::StatusOr<at::Tensor> Fetch(int64_t sequence, const Place& place, int64_t step,
                                   const Recompute& recompute);

  nn::Model& model_;
  const ClipPlan& plan_;
  hidden_state::Store& store_;
  const Options options_;
  int64_t recomputed_ = 0;
  // States of long passes that ran again: used from here, whatever the store does with them.
  bool rescuing_ = false;
  std::map<std::pair<int64_t, Place>, std::shared_ptr<const hidden_state::Blob>> rescued_;
};

/// `clip` with its first and last frame repeated `context` times as the context of boundary states
/// that belong to no frame: how a sequence starts from random states.
at::Tensor RepeatEnds(const at::Tensor& frames, int64_t context);

}  // namespace lrti::train
