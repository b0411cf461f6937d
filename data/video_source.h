#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "data/video.h"

namespace lrti::data {

/// A video that was looked through once and can be opened many times, cheaply: each thread opens
/// its own Video. Immutable, thread-safe; the Videos keep what they need of it alive.
class VideoSource {
 public:
  virtual ~VideoSource() = default;

  virtual int64_t frames() const = 0;
  virtual int64_t height() const = 0;
  virtual int64_t width() const = 0;

  /// The number in the name of each frame file; empty for video files and unnumbered names.
  virtual std::vector<int64_t> frame_numbers() const { return {}; }

  /// Errors: those of OpenVideo, when the file has changed since.
  virtual absl::StatusOr<std::unique_ptr<Video>> Open() const = 0;
};

/// Looks through a video file or a folder of images. Errors: those of OpenVideo.
absl::StatusOr<std::shared_ptr<const VideoSource>> ScanVideo(const std::string& path);

}  // namespace lrti::data
