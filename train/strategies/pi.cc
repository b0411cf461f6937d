#include "train/strategies/procedure.h"

namespace lrti::train {

Procedure MakePi(const job::PiStrategy& strategy, int64_t order) {
  return Procedure{
      .name = job::PiStrategy::kType,
      .scope = Scope::kEpoch,
      .source = StateSource::kLongPass,
      .clip_frames = strategy.clip_frames,
      .sequence_frames = strategy.sequence_frames,
      .clips_per_refresh = strategy.repeats,
      .start = strategy.start,
      .long_initial_state = strategy.long_initial_state,
      .order = order,
  };
}

}  // namespace lrti::train
