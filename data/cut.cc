#include "data/cut.h"

#include "common/base/check.h"

namespace lrti::data {

void CopyWindow(const Image& image, const Window& window, const Turn& turn, uint8_t* planes) {
  LRTI_CHECK(window.top >= 0 && window.left >= 0 && window.height >= 1 && window.width >= 1);
  LRTI_CHECK(window.top + window.height <= image.height);
  LRTI_CHECK(window.left + window.width <= image.width);
  const int64_t plane = window.height * window.width;
  const int64_t step_y = turn.transpose ? 1 : window.width;
  const int64_t step_x = turn.transpose ? window.height : 1;
  for (int64_t y = 0; y < window.height; ++y) {
    const int64_t from_y = window.top + (turn.flip_vertical ? window.height - 1 - y : y);
    const uint8_t* row = &image.pixels[static_cast<size_t>(from_y * image.width * 3)];
    uint8_t* out = planes + y * step_y;
    for (int64_t x = 0; x < window.width; ++x, out += step_x) {
      const int64_t from_x = window.left + (turn.flip_horizontal ? window.width - 1 - x : x);
      out[0] = row[from_x * 3];
      out[plane] = row[from_x * 3 + 1];
      out[2 * plane] = row[from_x * 3 + 2];
    }
  }
}

}  // namespace lrti::data
