#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace lrti::data {

/// One RGB picture, 8 bits a channel, rows top to bottom, pixels interleaved.
struct Image {
  int64_t height = 0;
  int64_t width = 0;
  std::vector<uint8_t> pixels;  // [height, width, 3]

  uint8_t at(int64_t y, int64_t x, int64_t c) const {
    return pixels[static_cast<size_t>((y * width + x) * 3 + c)];
  }
};

/// Frames of one video, by number: a video file or a folder of images. The whole video is never in
/// memory. Not thread-safe: each loader thread opens its own.
class Video {
 public:
  virtual ~Video() = default;

  virtual int64_t frames() const = 0;
  virtual int64_t height() const = 0;
  virtual int64_t width() const = 0;

  /// Frame `number`, exactly that one. Errors: OutOfRange; DataLoss for a frame that cannot be
  /// decoded or has another size than the first, naming file and frame.
  virtual absl::StatusOr<Image> Read(int64_t number) = 0;
};

/// Opens a video file (anything libav reads) or a folder of images. Every frame of a file is
/// counted by scanning it once: containers lie about their length. Errors: NotFound;
/// InvalidArgument for no video stream, no images, a gap in the numbering, one frame; DataLoss for
/// a truncated or undecodable file.
absl::StatusOr<std::unique_ptr<Video>> OpenVideo(const std::string& path);

}  // namespace lrti::data
