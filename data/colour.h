#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "data/libav.h"
#include "data/video.h"

namespace lrti::data {

/// Matrix taken for YUV frames that carry no tag.
enum class Untagged {
  kByHeight,  // BT.709 from 720 rows on, else BT.601: what video encoders do
  kBt601,     // image files
};

/// Turns decoded frames into 8-bit RGB. Matrix and range are always told to swscale, whose own
/// default is BT.601 for everything. RGB and grey formats are read exactly; more than 8 bits are
/// rounded to the nearest of 8; alpha is dropped.
///
/// Keeps its tables from frame to frame. Not thread-safe.
class RgbConverter {
 public:
  explicit RgbConverter(Untagged untagged) : untagged_(untagged) {}

  /// Errors: InvalidArgument for a size out of bounds or a pixel format swscale cannot read.
  absl::StatusOr<Image> Convert(const AVFrame& frame);

 private:
  struct Source {
    int width = 0, height = 0, format = -1, matrix = 0;
    bool full_range = false;
    bool operator==(const Source&) const = default;
  };

  Source Describe(const AVFrame& frame) const;
  absl::Status Prepare(const Source& source);

  const Untagged untagged_;
  Source source_;
  LibavPtr<SwsContext> scaler_;
  // swscale writes whole vectors: rows are padded here, and copied out.
  std::vector<uint8_t> rows_;
};

/// Turns the picture clockwise by `quarters` x 90 degrees.
Image RotateClockwise(Image image, int quarters);

}  // namespace lrti::data
