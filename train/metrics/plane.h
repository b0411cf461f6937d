#pragma once

#include <cstdint>
#include <vector>

#include "common/job/data.h"
#include "data/video.h"

namespace lrti::train {

/// One channel of a picture as numbers in 0..255.
struct Plane {
  int64_t height = 0;
  int64_t width = 0;
  std::vector<float> values{};  // [height, width]
};

/// The planes that are compared: red, green, blue, or luma alone. `crop_border` pixels are left out
/// at each side.
///
///     Y = 65.481 R + 128.553 G + 24.966 B + 16,  R, G, B in 0..1
///
/// as float32 and not rounded to whole levels, as BasicSR has it.
/// REQUIRES: more than 2 crop_border pixels a side.
std::vector<Plane> PlanesOf(const data::Image& image, job::Channel channel, int64_t crop_border);

}  // namespace lrti::train
