#pragma once

#include <cstdint>

#include "data/video.h"

namespace lrti::data {

/// A part of a picture, in its own pixels.
struct Window {
  int64_t top = 0, left = 0, height = 0, width = 0;
};

/// How a part is turned: first the flips, then rows and columns are swapped.
struct Turn {
  bool flip_horizontal = false, flip_vertical = false, transpose = false;
};

/// Copies a window, turned, into three planes [3, height, width] (after a transpose: [3, width,
/// height]). REQUIRES: the window lies within the image.
void CopyWindow(const Image& image, const Window& window, const Turn& turn, uint8_t* planes);

}  // namespace lrti::data
