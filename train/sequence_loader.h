#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "data/dataset.h"
#include "data/prefetch.h"
#include "train/strategies/clip_plan.h"

namespace lrti::train {

/// Frames of a sequence, or of the part of it that a clip needs.
struct LoadedFrames {
  std::shared_ptr<const data::Sequence> frames;
  int64_t first = 0;  // number, in the sequence, of the first frame that is there
};

/// Reads what the plan asks for, ahead of its use.
///
/// Scope kSequence reads each sequence once and cuts all its clips from memory. Scope kEpoch reads
/// a sequence for the long pass and lets it go, then reads for each clip only its own frames. HR is
/// kept of frames alone that are a clip's target. The data set and the plan must outlive it.
class SequenceLoader {
 public:
  struct Options {
    int64_t threads = 1;
    int64_t ahead = 2;
    int64_t first_step = 0;  // of the run, where it resumes
    /// Scope kEpoch: the first epoch whose sequences will be asked for.
    int64_t first_refresh = 0;
    Share sequences;  // those that will be asked for
    Share clips;
  };

  SequenceLoader(const data::Dataset& dataset, const ClipPlan& plan, const Options& options);

  /// The next sequence of its share, in the plan's order. REQUIRES: the share has any.
  absl::StatusOr<LoadedFrames> NextSequence();

  /// Scope kEpoch: the frames of the next step's clips in its share, in the plan's order.
  absl::StatusOr<std::vector<LoadedFrames>> NextClips();

  /// A sequence once more, to recompute its states.
  absl::StatusOr<LoadedFrames> Reload(int64_t sequence) const;

 private:
  absl::StatusOr<LoadedFrames> LoadClip(const PlannedClip& clip) const;
  data::Dataset::HrWanted Targets(int64_t sequence, int64_t frames) const;

  const data::Dataset& dataset_;
  const ClipPlan& plan_;
  std::unique_ptr<data::Prefetcher<LoadedFrames>> sequences_;
  std::unique_ptr<data::Prefetcher<std::vector<LoadedFrames>>> clips_;
};

}  // namespace lrti::train
