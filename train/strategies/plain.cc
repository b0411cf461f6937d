#include "train/strategies/procedure.h"

namespace lrti::train {

Procedure MakePlain(const job::PlainStrategy& strategy, int64_t order) {
  return Procedure{
      .name = job::PlainStrategy::kType,
      .scope = Scope::kSequence,
      .source = strategy.initial_state == job::InitialState::kRandom ? StateSource::kRandom
                                                                     : StateSource::kZero,
      .clip_frames = strategy.clip_frames,
      .sequence_frames = strategy.clip_frames,  // the clip is the whole sequence
      .clips_per_refresh = 1,
      .start = job::StartPolicy::kFull,
      .order = order,
  };
}

}  // namespace lrti::train
