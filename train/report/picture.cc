#include "train/report/picture.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "common/base/check.h"
#include "train/report/font.h"

namespace lrti::report {
namespace {

using Colour = std::array<uint8_t, 3>;

constexpr Colour kStrip = {32, 32, 32};
constexpr Colour kText = {240, 240, 240};
constexpr Colour kLine = {255, 255, 255};
constexpr int64_t kLineWidth = 2;
constexpr int64_t kMargin = 2;               // around letters, in pixels of the font
constexpr int64_t kPixelsALetterStep = 240;  // width of a panel for each size of letters
constexpr int64_t kLetterScaleMax = 8;

void Paint(data::Image& on, int64_t y, int64_t x, const Colour& colour) {
  std::copy(colour.begin(), colour.end(), on.pixels.begin() + (y * on.width + x) * 3);
}

void Fill(data::Image& on, int64_t top, int64_t left, int64_t height, int64_t width,
          const Colour& colour) {
  for (int64_t y = top; y < top + height; ++y) {
    for (int64_t x = left; x < left + width; ++x) Paint(on, y, x, colour);
  }
}

void Place(data::Image& on, int64_t top, int64_t left, const data::Image& image) {
  for (int64_t y = 0; y < image.height; ++y) {
    const auto row = image.pixels.begin() + y * image.width * 3;
    std::copy(row, row + image.width * 3, on.pixels.begin() + ((top + y) * on.width + left) * 3);
  }
}

// Letters that do not fit into `width` pixels are left out.
void Write(data::Image& on, int64_t left, int64_t width, int64_t scale, std::string_view text) {
  const int64_t right = left + width;
  int64_t x = left + kMargin * scale;
  for (const char character : text) {
    if (x + kGlyphWidth * scale > right) return;
    const Glyph& glyph = GlyphOf(character);
    for (int64_t row = 0; row < kGlyphHeight; ++row) {
      for (int64_t column = 0; column < kGlyphWidth; ++column) {
        if ((glyph[static_cast<size_t>(row)] >> (kGlyphWidth - 1 - column) & 1) == 0) continue;
        Fill(on, (kMargin + row) * scale, x + column * scale, scale, scale, kText);
      }
    }
    x += (kGlyphWidth + 1) * scale;
  }
}

}  // namespace

data::Image SideBySide(const std::vector<Panel>& panels) {
  LRTI_CHECK(!panels.empty());
  int64_t height = 0;
  int64_t width_max = 0;
  int64_t width = kLineWidth * (static_cast<int64_t>(panels.size()) - 1);
  for (const Panel& panel : panels) {
    const data::Image& image = panel.image;
    LRTI_CHECK(image.height > 0 && image.width > 0);
    LRTI_CHECK(static_cast<int64_t>(image.pixels.size()) == image.height * image.width * 3);
    height = std::max(height, image.height);
    width_max = std::max(width_max, image.width);
    width += image.width;
  }
  const int64_t scale = std::clamp<int64_t>(width_max / kPixelsALetterStep, 1, kLetterScaleMax);
  const int64_t strip = (kGlyphHeight + 2 * kMargin) * scale;

  data::Image whole{strip + height, width, {}};
  whole.pixels.assign(static_cast<size_t>(whole.height * whole.width * 3), 0);
  Fill(whole, 0, 0, strip, width, kStrip);
  int64_t left = 0;
  for (const Panel& panel : panels) {
    if (left > 0) {
      Fill(whole, 0, left, whole.height, kLineWidth, kLine);
      left += kLineWidth;
    }
    Write(whole, left, panel.image.width, scale, panel.caption);
    Place(whole, strip, left, panel.image);
    left += panel.image.width;
  }
  return whole;
}

}  // namespace lrti::report
