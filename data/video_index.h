#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "data/libav.h"

namespace lrti::data {

/// Where the frames of a video file are, found by reading all its packets once.
struct VideoIndex {
  struct Key {
    int64_t pts = 0;
    int64_t seek = 0;  // what av_seek_frame wants to hear
  };

  int stream = 0;
  std::vector<int64_t> pts;  // of frame 0, 1, 2, ...; strictly ascending
  std::vector<Key> keys;     // ascending by pts; decoding may begin at these

  /// The place in `keys` of the last one at or before the frame; 0 when there is none.
  size_t KeyBefore(int64_t frame) const;
};

/// A file opened for reading packets of its one video stream; the others are skipped.
struct VideoInput {
  LibavPtr<AVFormatContext> format;
  int stream = 0;
};

/// Errors: DataLoss for a file that libav cannot read; InvalidArgument for one without video.
absl::StatusOr<VideoInput> OpenInput(const std::string& path);

/// Reads all packets. Errors: those of OpenInput; DataLoss for a file cut short; InvalidArgument
/// for fewer than two frames or frames without time stamps.
absl::StatusOr<VideoIndex> IndexVideo(const std::string& path);

}  // namespace lrti::data
