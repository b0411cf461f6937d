#pragma once

#include <cstdint>
#include <vector>

namespace lrti::data {

/// Which inputs make each output along one axis, and how much of each.
///
///     centre of output i in input pixels    u = (i + 1/2) / s - 1/2
///     weight of input j (s < 1)             s k(s (u - j)),  k: Keys' cubic with a = -1/2
///     weight of input j (s >= 1)            k(u - j)
///
/// normalised to sum 1. Beyond the border the image is mirrored with its edge pixel: -1 is 0.
/// For s = 1/4 and s = 4 all weights are multiples of 2^-12 (2^-10), so that sums of products with
/// 8-bit values are exact in double, whatever their order, and so are ties when rounding.
struct BicubicTaps {
  int64_t outputs = 0;
  int64_t taps = 0;               // for each output
  std::vector<int64_t> inputs{};  // [outputs, taps]
  std::vector<double> weights{};  // [outputs, taps]
};

/// `scale` is 0.25 or 4; ceil(inputs * scale) outputs.
BicubicTaps MakeBicubicTaps(int64_t inputs, double scale);

}  // namespace lrti::data
