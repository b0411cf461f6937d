#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "data/video_source.h"

namespace lrti::data {

/// A folder of images, one a frame. The first frame's size is that of the video; each other one is
/// checked when it is read.
absl::StatusOr<std::shared_ptr<const VideoSource>> ScanFrameFolder(const std::string& folder);

}  // namespace lrti::data
