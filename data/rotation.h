#pragma once

#include "absl/status/statusor.h"
#include "data/libav.h"

namespace lrti::data {

/// By how many quarter turns clockwise a player shows this stream: 0..3, from its display matrix.
/// Errors: InvalidArgument for another angle, or a mirrored picture.
absl::StatusOr<int> QuarterTurns(const AVStream& stream);

}  // namespace lrti::data
