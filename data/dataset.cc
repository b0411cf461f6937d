#include "data/dataset.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/base/check.h"
#include "common/base/status.h"
#include "data/clip_list.h"
#include "data/cut.h"
#include "data/frame_cache.h"
#include "data/reader_pool.h"
#include "data/resize.h"
#include "data/video_source.h"

namespace lrti::data {
namespace {

constexpr int64_t kScale = 4;
constexpr size_t kIdleReadersMax = 16;

/// A clip as it was found. Frames are numbered as in the HR video.
struct Clip {
  std::shared_ptr<const VideoSource> hr;
  std::shared_ptr<const VideoSource> lr;  // nullptr: LR is made from HR
  int64_t lr_offset = 0;                  // LR frame = HR frame + this
};

/// Applies first_frame and last_frame.
absl::Status ChooseFrames(const job::Source& source, int64_t frames, ClipInfo& info) {
  const int64_t last = source.last_frame < 0 ? frames - 1 : source.last_frame;
  if (source.first_frame < 0 || source.first_frame > last || last >= frames) {
    return InvalidArgument("{}: frames {} to {} are wanted, but the clip has frames 0 to {}",
                           info.hr_path, source.first_frame, last, frames - 1);
  }
  info.first_frame = source.first_frame;
  info.frames = last - source.first_frame + 1;
  return absl::OkStatus();
}

absl::Status CheckLrSize(const ClipInfo& info, const Clip& clip) {
  if (clip.lr->height() == info.hr_height / kScale && clip.lr->width() == info.hr_width / kScale) {
    return absl::OkStatus();
  }
  return InvalidArgument("{}: {}x{} pixels are not a quarter of {} with {}x{}; {}x{} are expected",
                         info.lr_path, clip.lr->width(), clip.lr->height(), info.hr_path,
                         clip.hr->width(), clip.hr->height(), info.hr_width / kScale,
                         info.hr_height / kScale);
}

/// Finds the LR frame of each used HR frame: by the numbers in the names where both sides have
/// them, else by place.
absl::Status MatchLrFrames(const ClipInfo& info, Clip& clip) {
  const std::vector<int64_t> hr = clip.hr->frame_numbers();
  const std::vector<int64_t> lr = clip.lr->frame_numbers();
  const bool numbered = !hr.empty() && !lr.empty();
  clip.lr_offset = numbered ? hr.front() - lr.front() : 0;
  const int64_t first = info.first_frame + clip.lr_offset;
  if (first >= 0 && first + info.frames <= clip.lr->frames()) return absl::OkStatus();
  const int64_t missing =
      first < 0 ? info.first_frame : std::max(info.first_frame, clip.lr->frames() - clip.lr_offset);
  const int64_t name = numbered ? hr[static_cast<size_t>(missing)] : missing;
  return InvalidArgument("{}: no LR frame for frame {} of {}", info.lr_path, name, info.hr_path);
}

absl::StatusOr<std::pair<ClipInfo, Clip>> OpenClip(const job::Source& source,
                                                   const ClipPath& path) {
  Clip clip;
  LRTI_ASSIGN_OR_RETURN(clip.hr, ScanVideo(path.hr));
  ClipInfo info{.name = path.name, .hr_path = path.hr, .lr_path = path.lr};
  info.hr_height = clip.hr->height() / kScale * kScale;
  info.hr_width = clip.hr->width() / kScale * kScale;
  if (info.hr_height == 0 || info.hr_width == 0) {
    return InvalidArgument("{}: {}x{} pixels are too few; at least {}x{} are needed", path.hr,
                           clip.hr->width(), clip.hr->height(), kScale, kScale);
  }
  LRTI_RETURN_IF_ERROR(ChooseFrames(source, clip.hr->frames(), info));
  if (!path.lr.empty()) {
    LRTI_ASSIGN_OR_RETURN(clip.lr, ScanVideo(path.lr));
    LRTI_RETURN_IF_ERROR(CheckLrSize(info, clip));
    LRTI_RETURN_IF_ERROR(MatchLrFrames(info, clip));
  }
  return std::pair{std::move(info), std::move(clip)};
}

/// Drops rows and columns at the bottom and right that do not fill an LR pixel.
void CropTo(int64_t height, int64_t width, Image& image) {
  if (image.height == height && image.width == width) return;
  for (int64_t y = 0; y < height; ++y) {
    std::copy_n(image.pixels.begin() + y * image.width * 3, width * 3,
                image.pixels.begin() + y * width * 3);
  }
  image.pixels.resize(static_cast<size_t>(height * width * 3));
  image.height = height;
  image.width = width;
}

bool IsInside(int64_t first, int64_t count, int64_t all) {
  return first >= 0 && count >= 1 && count <= all && first <= all - count;
}

}  // namespace

class Dataset::Impl {
 public:
  explicit Impl(int64_t frame_cache_bytes) : cache_(frame_cache_bytes), readers_(kIdleReadersMax) {}

  absl::Status Open(const job::Source& source);
  const std::vector<ClipInfo>& infos() const { return infos_; }
  absl::StatusOr<Sequence> Load(const Cut& cut, const HrWanted& hr_wanted);

 private:
  /// The readers of one Load; opened when the cache first lacks a frame.
  struct Readers {
    std::optional<Reader> hr;
    std::optional<Reader> lr;
  };

  absl::Status CheckCut(const Cut& cut) const;
  absl::StatusOr<std::shared_ptr<const FramePair>> GetFrame(int64_t clip, int64_t frame,
                                                            Readers& readers);
  absl::StatusOr<Image> ReadFrame(const VideoSource& source, int64_t frame,
                                  std::optional<Reader>& reader);

  std::vector<ClipInfo> infos_;
  std::vector<Clip> clips_;
  FrameCache cache_;
  ReaderPool readers_;
};

absl::Status Dataset::Impl::Open(const job::Source& source) {
  LRTI_ASSIGN_OR_RETURN(const std::vector<ClipPath> paths, ListClips(source));
  for (const ClipPath& path : paths) {
    LRTI_ASSIGN_OR_RETURN(auto opened, OpenClip(source, path));
    infos_.push_back(std::move(opened.first));
    clips_.push_back(std::move(opened.second));
  }
  return absl::OkStatus();
}

absl::Status Dataset::Impl::CheckCut(const Cut& cut) const {
  if (cut.clip < 0 || cut.clip >= static_cast<int64_t>(infos_.size())) {
    return Error(absl::StatusCode::kOutOfRange, "clip {} of {}", cut.clip, infos_.size());
  }
  const ClipInfo& info = infos_[static_cast<size_t>(cut.clip)];
  const int64_t height = info.hr_height / kScale;
  const int64_t width = info.hr_width / kScale;
  if (IsInside(cut.first_frame, cut.frames, info.frames) && IsInside(cut.top, cut.height, height) &&
      IsInside(cut.left, cut.width, width)) {
    return absl::OkStatus();
  }
  return Error(absl::StatusCode::kOutOfRange,
               "{}: {} frames from {}, {}x{} LR pixels from ({}, {}) are not inside the clip's {} "
               "frames of {}x{}",
               info.hr_path, cut.frames, cut.first_frame, cut.width, cut.height, cut.left, cut.top,
               info.frames, width, height);
}

absl::StatusOr<Image> Dataset::Impl::ReadFrame(const VideoSource& source, int64_t frame,
                                               std::optional<Reader>& reader) {
  if (!reader.has_value()) {
    LRTI_ASSIGN_OR_RETURN(reader, readers_.Take(source, frame));
  }
  return reader->Read(frame);
}

absl::StatusOr<std::shared_ptr<const FramePair>> Dataset::Impl::GetFrame(int64_t clip_number,
                                                                         int64_t frame,
                                                                         Readers& readers) {
  const FrameCache::Key key{clip_number, frame};
  if (auto cached = cache_.Find(key); cached != nullptr) return cached;
  const Clip& clip = clips_[static_cast<size_t>(clip_number)];
  const ClipInfo& info = infos_[static_cast<size_t>(clip_number)];
  auto pair = std::make_shared<FramePair>();
  LRTI_ASSIGN_OR_RETURN(pair->hr, ReadFrame(*clip.hr, frame, readers.hr));
  CropTo(info.hr_height, info.hr_width, pair->hr);
  if (clip.lr == nullptr) {
    // From the whole frame: a crop of it has no border inside the picture.
    pair->lr = BicubicDown4(pair->hr);
  } else {
    LRTI_ASSIGN_OR_RETURN(pair->lr, ReadFrame(*clip.lr, frame + clip.lr_offset, readers.lr));
  }
  cache_.Insert(key, pair);
  return pair;
}

absl::StatusOr<Sequence> Dataset::Impl::Load(const Cut& cut, const HrWanted& hr_wanted) {
  LRTI_CHECK(hr_wanted.empty() || static_cast<int64_t>(hr_wanted.size()) == cut.frames);
  LRTI_RETURN_IF_ERROR(CheckCut(cut));
  const ClipInfo& info = infos_[static_cast<size_t>(cut.clip)];
  const Window lr_window{cut.top, cut.left, cut.height, cut.width};
  const Window hr_window{cut.top * kScale, cut.left * kScale, cut.height * kScale,
                         cut.width * kScale};
  const Turn turn{cut.flip_horizontal, cut.flip_vertical, cut.transpose};
  const int64_t lr_bytes = 3 * cut.height * cut.width;
  const int64_t hr_bytes = lr_bytes * kScale * kScale;

  Sequence sequence;
  sequence.cut = cut;
  sequence.height = cut.transpose ? cut.width : cut.height;
  sequence.width = cut.transpose ? cut.height : cut.width;
  sequence.lr.resize(static_cast<size_t>(cut.frames));
  sequence.hr.resize(static_cast<size_t>(cut.frames));
  Readers readers;
  for (int64_t i = 0; i < cut.frames; ++i) {
    const int64_t frame = info.first_frame + cut.first_frame + i;
    LRTI_ASSIGN_OR_RETURN(const auto pair, GetFrame(cut.clip, frame, readers));
    const auto place = static_cast<size_t>(i);
    sequence.lr[place].resize(static_cast<size_t>(lr_bytes));
    CopyWindow(pair->lr, lr_window, turn, sequence.lr[place].data());
    if (!hr_wanted.empty() && !hr_wanted[place]) continue;
    sequence.hr[place].resize(static_cast<size_t>(hr_bytes));
    CopyWindow(pair->hr, hr_window, turn, sequence.hr[place].data());
  }
  // After an error the readers are closed instead: where they stand is not known.
  if (readers.hr.has_value()) readers_.Return(*std::move(readers.hr));
  if (readers.lr.has_value()) readers_.Return(*std::move(readers.lr));
  return sequence;
}

Dataset::Dataset(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Dataset::~Dataset() = default;

absl::StatusOr<std::unique_ptr<Dataset>> Dataset::Open(const job::Source& source,
                                                       const job::Degradation& degradation,
                                                       int64_t frame_cache_bytes) {
  LRTI_CHECK(degradation.type == job::DegradationType::kBicubic);
  LRTI_CHECK(frame_cache_bytes >= 0);
  auto impl = std::make_unique<Impl>(frame_cache_bytes);
  LRTI_RETURN_IF_ERROR(impl->Open(source));
  return std::unique_ptr<Dataset>(new Dataset(std::move(impl)));
}

const std::vector<ClipInfo>& Dataset::clips() const { return impl_->infos(); }

absl::StatusOr<Sequence> Dataset::Load(const Cut& cut, const HrWanted& hr_wanted) const {
  return impl_->Load(cut, hr_wanted);
}

}  // namespace lrti::data
