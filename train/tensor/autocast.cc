#include "train/tensor/autocast.h"

#include <ATen/autocast_mode.h>

namespace lrti::train {

PrecisionGuard::PrecisionGuard(const c10::Device& device, job::Precision precision)
    : device_(device.type()), active_(precision == job::Precision::kBf16) {
  if (!active_) return;
  at::autocast::increment_nesting();
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
}

PrecisionGuard::~PrecisionGuard() {
  if (!active_) return;
  at::autocast::set_autocast_enabled(device_, false);
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

}  // namespace lrti::train
