#include "data/video.h"

#include <filesystem>
#include <system_error>

#include "common/base/status.h"
#include "data/frame_folder.h"
#include "data/video_file.h"
#include "data/video_source.h"

namespace lrti::data {

absl::StatusOr<std::shared_ptr<const VideoSource>> ScanVideo(const std::string& path) {
  std::error_code error;
  const auto kind = std::filesystem::status(path, error).type();
  if (kind == std::filesystem::file_type::directory) return ScanFrameFolder(path);
  if (kind == std::filesystem::file_type::regular) return ScanVideoFile(path);
  if (kind == std::filesystem::file_type::not_found) {
    return Error(absl::StatusCode::kNotFound, "{}: no such file or folder", path);
  }
  if (error) return Error(absl::StatusCode::kUnavailable, "{}: {}", path, error.message());
  return InvalidArgument("{}: neither a file nor a folder", path);
}

absl::StatusOr<std::unique_ptr<Video>> OpenVideo(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(const std::shared_ptr<const VideoSource> source, ScanVideo(path));
  return source->Open();
}

}  // namespace lrti::data
