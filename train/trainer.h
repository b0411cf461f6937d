#pragma once

#include <c10/core/Device.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "common/events/progress.h"
#include "common/hidden_state/store.h"
#include "common/job/job.h"
#include "data/dataset.h"
#include "nn/models/model.h"
#include "train/checkpoint/checkpoint.h"
#include "train/clip_source.h"
#include "train/collective/collective.h"
#include "train/collective/gradient_mean.h"
#include "train/optim/ema.h"
#include "train/optim/optimizer.h"
#include "train/strategies/clip_plan.h"

namespace lrti::train {

/// What one update did.
struct StepResult {
  int64_t step = 0;  // updates done so far, this one included
  double loss = 0;   // of all ranks' clips
  double psnr = 0;   // of the training clips, RGB, dB
  double learning_rate = 0;
  double gradient_norm = 0;
  int64_t recomputed_states = 0;  // so far, by all ranks
};

/// The step loop of truncated training: refresh states, train on clips, update weights.
///
/// A run is a function of (spec, data): on the CPU with a fixed number of threads the same to the
/// bit, also when it is cut by a checkpoint. Not thread-safe.
///
/// Of several ranks each trains on its part of the plan's clips, and gradients are means over all
/// clips of a step: N ranks do what one would do, to rounding, and have equal weights to the bit.
///
/// LibTorch's exceptions become a Status in Step, which can name it; others are left to the caller.
class Trainer {
 public:
  /// Makes network, optimiser and plan. Errors: InvalidArgument for data that does not fit the
  /// spec, or differs between ranks; those of `group`, whose ranks all call it. `dataset`, `store`,
  /// `progress`, `group` and `stop` must outlive the trainer.
  static absl::StatusOr<std::unique_ptr<Trainer>> Make(
      const job::Spec& spec, const data::Dataset& dataset, hidden_state::Store& store,
      events::Progress& progress, const c10::Device& device, Collective& group,
      const std::atomic<bool>& stop = kNeverStopped);

  /// Goes on from a snapshot. Call before the first Step.
  /// Errors: InvalidArgument for a snapshot of another network, naming what differs; DataLoss for
  /// one whose manifest was altered.
  absl::Status Restore(const checkpoint::Snapshot& snapshot);

  /// One update. Errors: those of the data; ResourceExhausted when memory runs out; Internal for
  /// a loss that is not a number (weights are then as before the step) and for LibTorch's errors;
  /// Unavailable when another rank was lost; Cancelled, of all ranks, when `stop` became true on
  /// one while it ran an epoch's long passes: the step is then not done, and none will be.
  absl::StatusOr<StepResult> Step();

  /// All that Restore needs, by any number of ranks; tensors are copied. Boundary states are those
  /// that this rank's store has.
  checkpoint::Snapshot Save() const;

  /// Ends a run's use of the store: rank 0 drops its states, unless other trainers share them.
  void ForgetStates();

  /// Updates done so far.
  int64_t step() const { return step_; }

  nn::Model& model() { return *model_; }
  Ema* ema() { return ema_ ? &*ema_ : nullptr; }
  int64_t parameters() const;

 private:
  Trainer(const job::Spec& spec, const data::Dataset& dataset, hidden_state::Store& store,
          events::Progress& progress, const c10::Device& device, ClipPlan plan,
          std::shared_ptr<nn::Model> model, Collective& group, uint64_t states_name,
          const std::atomic<bool>& stop);

  void OpenClips();
  void TellProgress();
  absl::Status TakeFirstsWeights();
  absl::StatusOr<StepResult> DoStep();
  absl::StatusOr<int64_t> ClipsOfAllRanks(const std::vector<ClipGroup>& groups);
  absl::StatusOr<StepResult> BackwardAll(const std::vector<ClipGroup>& groups);
  absl::StatusOr<std::pair<double, double>> Backward(const ClipGroup& group, double weight,
                                                     bool is_last);

  const job::Spec spec_;
  const data::Dataset& dataset_;
  hidden_state::Store& store_;
  const uint64_t states_name_;
  events::Progress& progress_;
  const c10::Device device_;
  const ClipPlan plan_;
  const std::shared_ptr<nn::Model> model_;
  Collective& group_;
  const std::atomic<bool>& stop_;
  GradientMean gradients_;
  Optimizer optimizer_;
  std::optional<Ema> ema_;
  std::optional<ClipSource> clips_;

  int64_t step_ = 0;
  uint64_t lineage_ = 0;
  bool weights_are_agreed_ = false;
};

}  // namespace lrti::train
