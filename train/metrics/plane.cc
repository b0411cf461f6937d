#include "train/metrics/plane.h"

#include "common/base/check.h"

namespace lrti::train {
namespace {

float Luma(const uint8_t* rgb) {
  const auto unit = [](uint8_t level) {
    return static_cast<double>(static_cast<float>(level) / 255.0F);
  };
  const double y = 65.481 * unit(rgb[0]) + 128.553 * unit(rgb[1]) + 24.966 * unit(rgb[2]) + 16.0;
  return static_cast<float>(y / 255.0) * 255.0F;
}

/// A plane whose values are `value` of each pixel's three bytes.
template <typename Value>
Plane MakePlane(const data::Image& image, int64_t border, Value value) {
  Plane plane{.height = image.height - 2 * border, .width = image.width - 2 * border};
  plane.values.reserve(static_cast<size_t>(plane.height * plane.width));
  for (int64_t y = border; y < image.height - border; ++y) {
    const uint8_t* pixel = &image.pixels[static_cast<size_t>((y * image.width + border) * 3)];
    for (int64_t x = 0; x < plane.width; ++x, pixel += 3) plane.values.push_back(value(pixel));
  }
  return plane;
}

}  // namespace

std::vector<Plane> PlanesOf(const data::Image& image, job::Channel channel, int64_t crop_border) {
  LRTI_CHECK(crop_border >= 0);
  LRTI_CHECK(image.height > 2 * crop_border && image.width > 2 * crop_border);
  std::vector<Plane> planes;
  if (channel == job::Channel::kY) {
    planes.push_back(MakePlane(image, crop_border, Luma));
    return planes;
  }
  for (int c = 0; c < 3; ++c) {
    planes.push_back(
        MakePlane(image, crop_border, [c](const uint8_t* rgb) -> float { return rgb[c]; }));
  }
  return planes;
}

}  // namespace lrti::train
