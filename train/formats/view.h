#pragma once

#include "absl/status/status.h"
#include "train/formats/pickle_value.h"

namespace lrti::formats {

/// Holds a view to its storage: as many strides as sizes, none negative, no more elements than the
/// storage has, and every element inside it; no sum or product overflows on the way.
/// Errors: DataLoss saying which of these does not hold.
absl::Status CheckView(const TensorRef& view, const Storage& storage);

}  // namespace lrti::formats
