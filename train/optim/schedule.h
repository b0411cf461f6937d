#pragma once

#include <cstdint>

#include "common/job/train.h"

namespace lrti::train {

/// The learning rate of update number `step`, counted from 0, for a group whose rate is `base`:
///
///     cosine:  min + (base - min) / 2 * (1 + cos(pi * step / period))
///
/// `period` is the run's iterations; beyond it the rate stays at `min`. Warm-up scales it by
/// (step + 1) / warmup_steps until that is 1. A group below `min` stays at its base.
/// Source  Loshchilov and Hutter, ICLR 2017, one period, as BasicVSR's recipe.
double LearningRate(const job::Schedule& schedule, double base, int64_t step, int64_t period);

}  // namespace lrti::train
