#pragma once

#include <vector>

#include "train/metrics/plane.h"

namespace lrti::train {

/// Peak signal-to-noise ratio in dB over all planes together:
///
///     10 log10( 255^2 / mean( (output - target)^2 ) )
///
/// in float64; infinity for equal pictures. REQUIRES: the same sizes.
double Psnr(const std::vector<Plane>& output, const std::vector<Plane>& target);

}  // namespace lrti::train
