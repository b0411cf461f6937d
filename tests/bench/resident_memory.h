#pragma once

#include <cstdint>

#include "absl/status/statusor.h"

namespace lrti::bench {

/// Bytes of this process in main memory, from /proc/self. Errors: those of reading it.
absl::StatusOr<int64_t> ResidentBytes();

/// The most there were since the start, or since ForgetPeak.
absl::StatusOr<int64_t> PeakResidentBytes();

/// Lets the peak begin again at what is resident now.
absl::Status ForgetPeak();

}  // namespace lrti::bench
