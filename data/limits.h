#pragma once

#include <cstdint>

namespace lrti::data {

/// Bounds on what is read from outside, so that a damaged or hostile file cannot take all memory.
inline constexpr int64_t kSideMax = 16384;                       // pixels of an image's side
inline constexpr int64_t kImageFileBytesMax = int64_t{1} << 30;  // one image file
inline constexpr int64_t kFramesMax = 10'000'000;                // one video or folder
inline constexpr int64_t kClipsMax = 1'000'000;                  // one data set

}  // namespace lrti::data
