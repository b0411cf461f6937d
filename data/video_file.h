#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "data/video_source.h"

namespace lrti::data {

/// A video file, any container and codec libav reads. Each coded frame is a frame, whatever its
/// duration. Frames in order are decoded in one go; any other is reached from the last key frame
/// before it. A rotation of the display by 90, 180 or 270 degrees is applied.
absl::StatusOr<std::shared_ptr<const VideoSource>> ScanVideoFile(const std::string& path);

}  // namespace lrti::data
