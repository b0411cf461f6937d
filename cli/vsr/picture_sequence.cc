#include "cli/vsr/picture_sequence.h"

#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <memory>
#include <utility>

#include "common/base/files.h"
#include "common/base/status.h"
#include "data/frame_list.h"
#include "data/video_source.h"
#include "train/tensor/frames.h"

namespace lrti::vsr {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<PictureSequence> FindFolder(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(const data::FrameList list, data::ListFrames(path));
  PictureSequence sequence{.path = path, .size = {}, .names = {}, .read = {}};
  std::map<std::string, std::string> origins;
  for (const std::string& frame : list.paths) {
    const std::string name = fs::path(frame).stem().string() + ".png";
    const auto [origin, is_new] = origins.emplace(name, frame);
    if (!is_new) {
      return InvalidArgument("{} and {} would both become {}; rename or remove one", origin->second,
                             frame, name);
    }
    sequence.names.push_back(name);
  }
  LRTI_ASSIGN_OR_RETURN(sequence.size, data::ReadImageSize(list.paths.front()));
  sequence.read = [paths = list.paths](int64_t frame) {
    return data::ReadImage(paths[static_cast<size_t>(frame)]);
  };
  return sequence;
}

absl::StatusOr<PictureSequence> FindVideo(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(const auto source, data::ScanVideo(path));
  LRTI_ASSIGN_OR_RETURN(std::shared_ptr<data::Video> video, source->Open());
  PictureSequence sequence{
      .path = path, .size = {source->height(), source->width()}, .names = {}, .read = {}};
  for (int64_t frame = 0; frame < source->frames(); ++frame) {
    sequence.names.push_back(fmt::format("{:08d}.png", frame));
  }
  sequence.read = [video](int64_t frame) { return video->Read(frame); };
  return sequence;
}

std::vector<uint16_t> ToPixels16(const at::Tensor& frame) {
  const at::Tensor levels = frame.detach()
                                .to(torch::kCPU, torch::kFloat32)
                                .clamp(0, 1)
                                .mul(65535)
                                .round()
                                .to(torch::kInt32)
                                .permute({1, 2, 0})
                                .contiguous();
  const int32_t* first = levels.const_data_ptr<int32_t>();
  std::vector<uint16_t> pixels;
  pixels.reserve(static_cast<size_t>(levels.numel()));
  for (int64_t i = 0; i < levels.numel(); ++i) pixels.push_back(static_cast<uint16_t>(first[i]));
  return pixels;
}

}  // namespace

absl::StatusOr<PictureSequence> FindPictures(const std::string& path) {
  std::error_code error;  // ScanVideo tells what is wrong with the path
  return fs::is_directory(path, error) ? FindFolder(path) : FindVideo(path);
}

absl::StatusOr<at::Tensor> ReadAll(const PictureSequence& sequence) {
  const auto [height, width] = sequence.size;
  at::Tensor frames = at::empty({1, sequence.frames(), 3, height, width}, at::kFloat);
  for (int64_t i = 0; i < sequence.frames(); ++i) {
    LRTI_ASSIGN_OR_RETURN(data::Image image, sequence.read(i));
    if (image.height != height || image.width != width) {
      return InvalidArgument(
          "{}: frame {} ({}) is {}x{} pixels, the first one {}x{}; all frames of "
          "a video have one size",
          sequence.path, i, sequence.names[static_cast<size_t>(i)], image.width, image.height,
          width, height);
    }
    const at::Tensor pixels = at::from_blob(image.pixels.data(), {height, width, 3}, at::kByte);
    frames.select(1, i).copy_(pixels.permute({2, 0, 1}));
  }
  return frames.div_(255);
}

absl::Status CheckOutputFolder(const std::string& folder, const std::string& input,
                               bool overwrite) {
  std::error_code error;
  if (!fs::exists(folder, error)) return absl::OkStatus();
  if (!fs::is_directory(folder, error)) {
    return InvalidArgument("{}: is a file; frames go to a folder", folder);
  }
  if (fs::equivalent(folder, input, error)) {
    return InvalidArgument("{}: is the input; its frames would be replaced", folder);
  }
  LRTI_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(folder));
  if (names.empty() || overwrite) return absl::OkStatus();
  return Error(absl::StatusCode::kAlreadyExists,
               "{}: holds {} files already; name another folder, or give --overwrite to replace "
               "those of the same names",
               folder, names.size());
}

absl::Status WritePicture(const std::string& path, const at::Tensor& frame, int64_t bits) {
  const int64_t height = frame.size(1);
  const int64_t width = frame.size(2);
  if (bits == 16) return data::WritePng(path, data::Image16{height, width, ToPixels16(frame)});
  return data::WritePng(path, data::Image{height, width, train::ToPixels(frame)});
}

}  // namespace lrti::vsr
