#pragma once

#include <cstdint>

#include "common/hidden_state/store.h"

namespace lrti::hidden_state {

/// Most dimensions that a state may have.
inline constexpr size_t kDimensionsMax = 8;

/// Whether shape, dtype and size agree: a known dtype, at most kDimensionsMax dimensions, none
/// negative, and as many bytes as they say, counted without overflow.
bool WellFormed(const Blob& blob);

}  // namespace lrti::hidden_state
