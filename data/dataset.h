#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/job/data.h"
#include "data/video.h"

namespace lrti::data {

/// One clip of a data set: its name, and how many frames of it are used.
struct ClipInfo {
  std::string name;
  std::string hr_path;
  std::string lr_path;  // empty: LR is made from HR
  int64_t first_frame = 0;
  int64_t frames = 0;
  int64_t hr_height = 0;  // already cut to a multiple of 4
  int64_t hr_width = 0;
};

/// What is cut out of a clip: frames, an LR window, and how it is turned. All frames alike.
struct Cut {
  int64_t clip = 0;         // place in Dataset::clips()
  int64_t first_frame = 0;  // counted from the clip's first used frame
  int64_t frames = 0;
  int64_t top = 0, left = 0, height = 0, width = 0;  // LR pixels
  bool flip_horizontal = false, flip_vertical = false, transpose = false;

  bool operator==(const Cut&) const = default;
};

/// A cut, read: planar frames ready to be copied into tensors, one vector a frame.
struct Sequence {
  Cut cut;
  int64_t height = 0, width = 0;         // LR size after transpose
  std::vector<std::vector<uint8_t>> lr;  // [3, height, width]
  std::vector<std::vector<uint8_t>> hr;  // [3, 4 height, 4 width]; empty where it is not wanted
};

/// Clips of one Source. Thread-safe: Load may be called by many threads; decoded frames are shared
/// through a cache of bounded size.
class Dataset {
 public:
  /// Lists and opens every clip. Errors: those of OpenVideo; InvalidArgument for an unknown clip
  /// name, frames missing on the LR side, an LR size that is not a quarter of HR.
  static absl::StatusOr<std::unique_ptr<Dataset>> Open(const job::Source& source,
                                                       const job::Degradation& degradation,
                                                       int64_t frame_cache_bytes);
  ~Dataset();

  const std::vector<ClipInfo>& clips() const;

  /// Which of a cut's frames are wanted in HR, one entry a frame; empty: all.
  using HrWanted = std::vector<bool>;

  /// Reads a cut. Errors: those of Video::Read; OutOfRange for a window outside the clip.
  absl::StatusOr<Sequence> Load(const Cut& cut, const HrWanted& hr_wanted = {}) const;

 private:
  class Impl;
  explicit Dataset(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lrti::data
