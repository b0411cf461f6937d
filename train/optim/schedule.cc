#include "train/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lrti::train {

double LearningRate(const job::Schedule& schedule, double base, int64_t step, int64_t period) {
  double rate = base;
  if (schedule.type == job::ScheduleType::kCosine) {
    const double done = static_cast<double>(std::min(step, period)) /
                        static_cast<double>(std::max<int64_t>(period, 1));
    const double low = std::min(schedule.min_lr, base);
    rate = low + (base - low) / 2 * (1 + std::cos(std::numbers::pi * done));
  }
  if (step < schedule.warmup_steps) {
    rate *= static_cast<double>(step + 1) / static_cast<double>(schedule.warmup_steps);
  }
  return rate;
}

}  // namespace lrti::train
