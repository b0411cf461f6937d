#pragma once

#include <c10/core/Device.h>

#include "common/job/train.h"

namespace lrti::train {

/// While it lives, convolutions and products on the device run in the precision; weights stay fp32.
/// fp32 changes nothing. Backward passes run outside of it.
class PrecisionGuard {
 public:
  PrecisionGuard(const c10::Device& device, job::Precision precision);
  ~PrecisionGuard();
  PrecisionGuard(const PrecisionGuard&) = delete;
  PrecisionGuard& operator=(const PrecisionGuard&) = delete;

 private:
  const c10::DeviceType device_;
  const bool active_;
};

}  // namespace lrti::train
