#include "data/frame_folder.h"

#include <utility>

#include "common/base/status.h"
#include "data/frame_list.h"
#include "data/image_file.h"

namespace lrti::data {
namespace {

struct Folder {
  std::string path;
  FrameList list;
  ImageSize size;
};

class FrameFolder : public Video {
 public:
  explicit FrameFolder(std::shared_ptr<const Folder> folder) : folder_(std::move(folder)) {}

  int64_t frames() const override { return static_cast<int64_t>(folder_->list.paths.size()); }
  int64_t height() const override { return folder_->size.height; }
  int64_t width() const override { return folder_->size.width; }

  absl::StatusOr<Image> Read(int64_t number) override {
    if (number < 0 || number >= frames()) {
      return Error(absl::StatusCode::kOutOfRange, "{}: frame {} of {}", folder_->path, number,
                   frames());
    }
    const std::string& path = folder_->list.paths[static_cast<size_t>(number)];
    LRTI_ASSIGN_OR_RETURN(Image image, ReadImage(path));
    if (image.height != height() || image.width != width()) {
      return DataLoss("{}: frame {} is {}x{} pixels, the first frame {}x{}", path, number,
                      image.width, image.height, width(), height());
    }
    return image;
  }

 private:
  const std::shared_ptr<const Folder> folder_;
};

class FrameFolderSource : public VideoSource {
 public:
  explicit FrameFolderSource(std::shared_ptr<const Folder> folder) : folder_(std::move(folder)) {}

  int64_t frames() const override { return static_cast<int64_t>(folder_->list.paths.size()); }
  int64_t height() const override { return folder_->size.height; }
  int64_t width() const override { return folder_->size.width; }
  std::vector<int64_t> frame_numbers() const override { return folder_->list.numbers; }

  absl::StatusOr<std::unique_ptr<Video>> Open() const override {
    return std::make_unique<FrameFolder>(folder_);
  }

 private:
  const std::shared_ptr<const Folder> folder_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const VideoSource>> ScanFrameFolder(const std::string& folder) {
  auto scanned = std::make_shared<Folder>();
  scanned->path = folder;
  LRTI_ASSIGN_OR_RETURN(scanned->list, ListFrames(folder));
  LRTI_ASSIGN_OR_RETURN(scanned->size, ReadImageSize(scanned->list.paths.front()));
  return std::make_shared<const FrameFolderSource>(std::move(scanned));
}

}  // namespace lrti::data
