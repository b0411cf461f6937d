#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/video.h"

namespace lrti::data {

/// Is the name that of an image file we read: png, jpg, jpeg, bmp, tif, tiff, in any case?
bool HasImageName(std::string_view path);

/// Reads a PNG, JPEG, BMP or TIFF file; the content decides, not the name. More than 8 bits a
/// channel are rounded to 8; grey becomes RGB; alpha is dropped.
/// Errors: NotFound; InvalidArgument for another kind of file, too large a file or picture;
/// DataLoss for a damaged one.
absl::StatusOr<Image> ReadImage(const std::string& path);

/// Size of the picture in a file, without decoding it where the format allows (PNG).
struct ImageSize {
  int64_t height = 0;
  int64_t width = 0;
};
absl::StatusOr<ImageSize> ReadImageSize(const std::string& path);

/// Writes a PNG under a temporary name beside `path` and renames it: `path` holds the old content
/// or the whole new one, never a part. Errors: NotFound for a missing folder; ResourceExhausted for
/// a full disk; InvalidArgument for an empty or too large picture.
absl::Status WritePng(const std::string& path, const Image& image);

/// One RGB picture, 16 bits a channel, in the layout of `Image`.
struct Image16 {
  int64_t height = 0;
  int64_t width = 0;
  std::vector<uint16_t> pixels;  // [height, width, 3]
};

/// The same with 16 bits a channel.
absl::Status WritePng(const std::string& path, const Image16& image);

}  // namespace lrti::data
