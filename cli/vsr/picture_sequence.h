#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/image_file.h"

namespace lrti::vsr {

/// A video to be read from its first frame to its last: a folder of pictures or a video file.
struct PictureSequence {
  std::string path;
  data::ImageSize size;            // of the first frame
  std::vector<std::string> names;  // of each frame's output: as the input's, a number for a video
  std::function<absl::StatusOr<data::Image>(int64_t frame)> read;

  int64_t frames() const { return static_cast<int64_t>(names.size()); }
};

/// Looks at a folder or a file; frames are read later.
/// Errors: those of data::ListFrames and data::ScanVideo; InvalidArgument for two frames whose
/// outputs would have one name.
absl::StatusOr<PictureSequence> FindPictures(const std::string& path);

/// All frames, [1, T, 3, H, W] in 0..1 on the CPU.
/// Errors: those of reading; InvalidArgument for a frame of another size than the first.
absl::StatusOr<at::Tensor> ReadAll(const PictureSequence& sequence);

/// Where pictures go: a folder that is empty, or not there, or may be written over.
/// Errors: AlreadyExists for one with files in it; InvalidArgument for a file, or for the folder
/// `input` itself.
absl::Status CheckOutputFolder(const std::string& folder, const std::string& input, bool overwrite);

/// Writes a frame [3, H, W] as a PNG with 8 or 16 bits a channel, whole or not at all.
absl::Status WritePicture(const std::string& path, const at::Tensor& frame, int64_t bits);

}  // namespace lrti::vsr
