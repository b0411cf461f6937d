#pragma once

#include <cstdint>
#include <vector>

#include "data/video.h"

namespace lrti::data {

/// MATLAB's imresize(image, 1/4, 'bicubic') with antialiasing, to the bit for 8-bit images: Keys
/// cubic a = -1/2 stretched by 4, symmetric border (-1 -> 0), each output's weights normalised to
/// 1, floor(v + 1/2), clipped. Output size ceil(n / 4). Source  vsr-backbones: equal on all 171
/// Vid4 BI frames.
Image BicubicDown4(const Image& image);

/// The same for x4 enlargement: plain Keys cubic, no antialiasing.
Image BicubicUp4(const Image& image);

/// One plane in doubles, for tests of the rule itself: [rows, columns] -> ceil(rows * scale), ...
/// `scale` is 0.25 or 4; nothing is rounded.
std::vector<double> BicubicPlane(const std::vector<double>& plane, int64_t rows, int64_t columns,
                                 double scale);

}  // namespace lrti::data
