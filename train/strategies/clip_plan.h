#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/job/data.h"
#include "data/dataset.h"
#include "train/strategies/procedure.h"

namespace lrti::train {

/// A clip of a sequence and the context that exists around it.
struct PlannedClip {
  int64_t sequence = 0;  // number of the sequence, see ClipPlan::SequenceCut
  int64_t start = 0;     // s: first frame of the clip in its sequence
  int64_t left = 0;      // context frames in front: k, fewer at the sequence's true begin
  int64_t right = 0;     // context frames behind

  bool operator==(const PlannedClip&) const = default;
};

/// The part of a row of things that falls to one of several ranks; by default all of it.
struct Share {
  int64_t rank = 0;
  int64_t ranks = 1;

  /// Of `count` things those from `first` on and before `second`. Parts differ by one at most.
  std::pair<int64_t, int64_t> Of(int64_t count) const {
    return {count * rank / ranks, count * (rank + 1) / ranks};
  }
};

/// Which frames every step of a run trains on: a function of (config, seed, step) without memory,
/// so a resumed run goes on exactly where it stopped, and clip starts are known before the long
/// pass that has to keep their states.
///
/// Sequences are numbered through the run. Scope kSequence: refresh r has the `batch` sequences
/// from r * batch on. Scope kEpoch: epoch r has one sequence for each video, from r * videos on.
/// Thread-safe.
class ClipPlan {
 public:
  /// Errors: InvalidArgument for a video that is too short for a clip (naming it and the frames
  /// needed) or smaller than the crop.
  static absl::StatusOr<ClipPlan> Make(const Procedure& procedure, const job::TrainData& data,
                                       std::vector<data::ClipInfo> videos, int64_t batch,
                                       uint64_t seed);

  /// Steps between two refreshes.
  int64_t StepsPerRefresh() const;

  int64_t RefreshOf(int64_t step) const { return step / StepsPerRefresh(); }

  /// Passes over the training videos that are done before `step`.
  int64_t EpochOf(int64_t step) const {
    return RefreshOf(step) * SequencesPerRefresh() / static_cast<int64_t>(videos_.size());
  }

  int64_t SequencesPerRefresh() const;

  /// The numbers of a refresh's sequences, or of a rank's part of them. Of scope kSequence a rank's
  /// clips come from its own sequences; of scope kEpoch from any.
  std::vector<int64_t> SequencesOf(int64_t refresh, const Share& share = {}) const;

  /// What sequence number `sequence` cuts out of which video, and how it is turned.
  data::Cut SequenceCut(int64_t sequence) const;

  /// All clips that are planned from a sequence, in the order in which they are used.
  std::vector<PlannedClip> ClipsOf(int64_t sequence) const;

  /// The clips of one step; `batch` of them, fewer only at the end of an epoch of scope kEpoch. Or
  /// a rank's part of them, in the same order: parts of all ranks make up the step, and one may be
  /// empty where the step has fewer clips than there are ranks.
  std::vector<PlannedClip> Step(int64_t step, const Share& share = {}) const;

  const Procedure& procedure() const { return procedure_; }
  const std::vector<data::ClipInfo>& videos() const { return videos_; }

 private:
  ClipPlan(const Procedure& procedure, const job::TrainData& data,
           std::vector<data::ClipInfo> videos, int64_t batch, uint64_t seed)
      : procedure_(procedure),
        data_(data),
        videos_(std::move(videos)),
        batch_(batch),
        seed_(seed) {}

  /// The videos in the order of an epoch, the last one that was asked for: to draw it takes time
  /// for every video there is.
  struct VideoOrder {
    Mutex mutex;
    int64_t epoch ABSL_GUARDED_BY(mutex) = -1;
    std::vector<int64_t> videos ABSL_GUARDED_BY(mutex);
  };

  int64_t VideoOf(int64_t sequence) const;
  int64_t SequenceFrames(int64_t video) const;
  PlannedClip ClipOf(int64_t sequence, int64_t number) const;

  Procedure procedure_;
  job::TrainData data_;
  std::vector<data::ClipInfo> videos_;
  int64_t batch_;
  uint64_t seed_;
  std::shared_ptr<VideoOrder> order_ = std::make_shared<VideoOrder>();  // copies draw the same
};

}  // namespace lrti::train
