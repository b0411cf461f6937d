#include "train/sequence_loader.h"

#include <utility>

#include "common/base/status.h"

namespace lrti::train {

SequenceLoader::SequenceLoader(const data::Dataset& dataset, const ClipPlan& plan,
                               const Options& options)
    : dataset_(dataset), plan_(plan) {
  sequences_ = std::make_unique<data::Prefetcher<LoadedFrames>>(
      options.first_refresh * plan.SequencesPerRefresh(), options.ahead, options.threads,
      [this](int64_t sequence) { return Reload(sequence); });
  if (plan.procedure().scope == Scope::kSequence) return;
  clips_ = std::make_unique<data::Prefetcher<std::vector<LoadedFrames>>>(
      options.first_step, options.ahead, options.threads,
      [this](int64_t step) -> absl::StatusOr<std::vector<LoadedFrames>> {
        std::vector<LoadedFrames> loaded;
        for (const PlannedClip& clip : plan_.Step(step)) {
          LRTI_ASSIGN_OR_RETURN(loaded.emplace_back(), LoadClip(clip));
        }
        return loaded;
      });
}

absl::StatusOr<LoadedFrames> SequenceLoader::NextSequence() { return sequences_->Next(); }

absl::StatusOr<std::vector<LoadedFrames>> SequenceLoader::NextClips() { return clips_->Next(); }

absl::StatusOr<LoadedFrames> SequenceLoader::Reload(int64_t sequence) const {
  LRTI_ASSIGN_OR_RETURN(data::Sequence frames, dataset_.Load(plan_.SequenceCut(sequence)));
  return LoadedFrames{std::make_shared<const data::Sequence>(std::move(frames)), 0};
}

absl::StatusOr<LoadedFrames> SequenceLoader::LoadClip(const PlannedClip& clip) const {
  data::Cut cut = plan_.SequenceCut(clip.sequence);
  const int64_t first = clip.start - clip.left;
  cut.first_frame += first;
  cut.frames = clip.left + plan_.procedure().clip_frames + clip.right;
  LRTI_ASSIGN_OR_RETURN(data::Sequence frames, dataset_.Load(cut));
  return LoadedFrames{std::make_shared<const data::Sequence>(std::move(frames)), first};
}

}  // namespace lrti::train
