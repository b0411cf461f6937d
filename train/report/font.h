#pragma once

#include <array>
#include <cstdint>

namespace lrti::report {

inline constexpr int64_t kGlyphWidth = 5;
inline constexpr int64_t kGlyphHeight = 7;

/// Rows from top to bottom; in each, bit 4 is the leftmost of five pixels.
using Glyph = std::array<uint8_t, kGlyphHeight>;

/// The picture of an ASCII character. Small letters look like capitals; what has no picture of its
/// own is a box.
const Glyph& GlyphOf(char character);

}  // namespace lrti::report
