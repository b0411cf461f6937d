#include "train/sequence_loader.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace lrti::train {

SequenceLoader::SequenceLoader(const data::Dataset& dataset, const ClipPlan& plan,
                               const Options& options)
    : dataset_(dataset), plan_(plan) {
  const auto [begin, end] = options.sequences.Of(plan.SequencesPerRefresh());
  if (const int64_t count = end - begin; count > 0) {
    sequences_ = std::make_unique<data::Prefetcher<LoadedFrames>>(
        options.first_refresh * count, options.ahead, options.threads,
        [this, first = begin, count](int64_t index) {
          return Reload(index / count * plan_.SequencesPerRefresh() + first + index % count);
        });
  }
  if (plan.procedure().scope == Scope::kSequence) return;
  clips_ = std::make_unique<data::Prefetcher<std::vector<LoadedFrames>>>(
      options.first_step, options.ahead, options.threads,
      [this, share = options.clips](int64_t step) -> absl::StatusOr<std::vector<LoadedFrames>> {
        std::vector<LoadedFrames> loaded;
        for (const PlannedClip& clip : plan_.Step(step, share)) {
          LRTI_ASSIGN_OR_RETURN(loaded.emplace_back(), LoadClip(clip));
        }
        return loaded;
      });
}

absl::StatusOr<LoadedFrames> SequenceLoader::NextSequence() { return sequences_->Next(); }

absl::StatusOr<std::vector<LoadedFrames>> SequenceLoader::NextClips() { return clips_->Next(); }

absl::StatusOr<LoadedFrames> SequenceLoader::Reload(int64_t sequence) const {
  const data::Cut cut = plan_.SequenceCut(sequence);
  LRTI_ASSIGN_OR_RETURN(data::Sequence frames, dataset_.Load(cut, Targets(sequence, cut.frames)));
  return LoadedFrames{std::make_shared<const data::Sequence>(std::move(frames)), 0};
}

// Of scope kEpoch none: its clips bring their own.
data::Dataset::HrWanted SequenceLoader::Targets(int64_t sequence, int64_t frames) const {
  data::Dataset::HrWanted wanted(static_cast<size_t>(frames), false);
  if (plan_.procedure().scope == Scope::kEpoch) return wanted;
  for (const PlannedClip& clip : plan_.ClipsOf(sequence)) {
    std::fill_n(wanted.begin() + clip.start, plan_.procedure().clip_frames, true);
  }
  return wanted;
}

absl::StatusOr<LoadedFrames> SequenceLoader::LoadClip(const PlannedClip& clip) const {
  data::Cut cut = plan_.SequenceCut(clip.sequence);
  const int64_t first = clip.start - clip.left;
  cut.first_frame += first;
  cut.frames = clip.left + plan_.procedure().clip_frames + clip.right;
  data::Dataset::HrWanted targets(static_cast<size_t>(cut.frames), false);
  std::fill_n(targets.begin() + clip.left, plan_.procedure().clip_frames, true);
  LRTI_ASSIGN_OR_RETURN(data::Sequence frames, dataset_.Load(cut, targets));
  return LoadedFrames{std::make_shared<const data::Sequence>(std::move(frames)), first};
}

}  // namespace lrti::train
