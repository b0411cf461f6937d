#pragma once

#include <cstdint>
#include <vector>

#include "train/metrics/plane.h"

namespace lrti::train {

/// Side of SSIM's window; a smaller picture has no SSIM.
inline constexpr int64_t kSsimWindow = 11;

/// Structural similarity, mean over the planes:
///
///     mean( (2 m_a m_b + C1) (2 cov_ab + C2) / ((m_a^2 + m_b^2 + C1) (var_a + var_b + C2)) )
///
/// with means, variances and covariance under an 11 x 11 Gaussian of sigma 1.5, where the whole
/// window lies in the picture; C1 = (0.01 * 255)^2, C2 = (0.03 * 255)^2; float64.
/// REQUIRES: the same sizes, at least kSsimWindow a side.
/// Source  Wang et al., IEEE TIP 2004, in BasicSR's form.
double Ssim(const std::vector<Plane>& output, const std::vector<Plane>& target);

}  // namespace lrti::train
