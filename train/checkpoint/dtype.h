#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/ScalarType.h>

#include "absl/status/statusor.h"
#include "train/formats/dtype.h"

namespace lrti::checkpoint {

/// The element type as files name it. Errors: InvalidArgument for one that no file of ours holds.
absl::StatusOr<formats::Dtype> FileDtype(c10::ScalarType dtype);

c10::ScalarType TensorDtype(formats::Dtype dtype);

/// Whether a tensor fresh from a file may be used: a bool that is neither 0 nor 1 would be
/// undefined behaviour in whoever reads it. REQUIRES: on the CPU, contiguous.
bool BoolsAreSound(const at::Tensor& tensor);

}  // namespace lrti::checkpoint
