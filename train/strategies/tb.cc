#include "train/strategies/procedure.h"

namespace lrti::train {

Procedure MakeTb(const job::TbStrategy& strategy, int64_t order) {
  return Procedure{
      .name = job::TbStrategy::kType,
      .scope = Scope::kSequence,
      .source = StateSource::kLongPass,
      .clip_frames = strategy.clip_frames,
      .sequence_frames = strategy.sequence_frames,
      .clips_per_refresh = strategy.clips_per_sequence,
      .start = strategy.start,
      .long_initial_state = strategy.long_initial_state,
      .order = order,
  };
}

}  // namespace lrti::train
