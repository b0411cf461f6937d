#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace lrti::train {

/// `auto` (a GPU where there is one), `cpu`, `cuda` or `cuda:N`.
/// Errors: InvalidArgument for other text; Unavailable for a GPU that is not there.
absl::StatusOr<c10::Device> ParseDevice(const std::string& text);

/// Most memory taken so far: on a GPU what tensors took there since the last reset, on the CPU the
/// process's resident set since its start.
int64_t PeakMemoryBytes(const c10::Device& device);

/// Begins PeakMemoryBytes anew, with what is taken now. Nothing where the system does not let us.
void ResetPeakMemory(const c10::Device& device);

/// Gives freed main memory back to the system. Between two kinds of work whose tensors differ in
/// size the allocator would keep what each leaves behind, and the peak would be their sum.
/// Nothing on a GPU, whose allocator is LibTorch's.
void ReleaseFreedMemory(const c10::Device& device);

/// "NVIDIA H200", or the processor's name.
std::string DeviceName(const c10::Device& device);

}  // namespace lrti::train
