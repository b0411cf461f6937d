#pragma once

#include <cstdint>
#include <vector>

#include "common/hidden_state/store.h"

namespace lrti::hidden_state {

/// Most dimensions that a state may have.
inline constexpr size_t kDimensionsMax = 8;

/// How many planes [H, W] a shape has: the product of all sizes but the last two; one for fewer
/// dimensions. REQUIRES: no size is negative, and their product fits.
uint64_t PlanesOf(const std::vector<int64_t>& shape);

/// Whether shape, dtype and size agree: a known dtype, at most kDimensionsMax dimensions, none
/// negative, as many bytes as they say, counted without overflow, and as many scales as kInt8
/// needs, finite and above zero; none for the others; no CRCs, or one for each chunk.
bool WellFormed(const Blob& blob);

}  // namespace lrti::hidden_state
