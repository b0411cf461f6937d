#include "data/video_file.h"

#include <utility>

#include "common/base/check.h"
#include "common/base/status.h"
#include "data/colour.h"
#include "data/rotation.h"
#include "data/video_index.h"

namespace lrti::data {
namespace {

/// What a scan found out; shared by all readers of the file.
struct Scanned {
  std::string path;
  VideoIndex index;
  int64_t height = 0;  // after rotation; 0 while the first frame is not yet decoded
  int64_t width = 0;
};

/// Errors of one frame, after which a decoder can go on.
bool IsDamage(int code) { return code == AVERROR_INVALIDDATA || code == AVERROR_EXTERNAL; }

class VideoFile : public Video {
 public:
  explicit VideoFile(std::shared_ptr<const Scanned> scanned)
      : scanned_(std::move(scanned)), packet_(NewPacket()), frame_(NewFrame()) {}

  int64_t frames() const override { return static_cast<int64_t>(scanned_->index.pts.size()); }
  int64_t height() const override { return scanned_->height; }
  int64_t width() const override { return scanned_->width; }

  /// Begins (again) at the top of the file.
  absl::Status Restart();
  absl::StatusOr<Image> Read(int64_t number) override;

 private:
  enum class Found { kYes, kMissing };

  /// Decodes up to the frame, from the decoder's place.
  absl::StatusOr<Found> DecodeTo(int64_t number);
  absl::StatusOr<Found> SeekAndDecodeTo(int64_t number);
  /// The next frame out of the decoder into frame_; kMissing at the end of the file.
  absl::StatusOr<Found> DecodeNext();
  absl::Status Feed();
  bool SeekToKey(size_t key);
  absl::StatusOr<Image> TakeImage(int64_t number);
  absl::Status Undecodable(int64_t number) const;

  const std::shared_ptr<const Scanned> scanned_;
  VideoInput input_;
  LibavPtr<AVCodecContext> codec_;
  LibavPtr<AVPacket> packet_;
  LibavPtr<AVFrame> frame_;
  RgbConverter converter_{Untagged::kByHeight};
  int quarter_turns_ = 0;
  int64_t next_ = -1;  // number of the frame the decoder gives next; -1: not known
};

absl::Status VideoFile::Restart() {
  next_ = -1;
  LRTI_ASSIGN_OR_RETURN(input_, OpenInput(scanned_->path));
  if (input_.stream != scanned_->index.stream) {
    return DataLoss("{}: the file changed while it was in use", scanned_->path);
  }
  const AVStream& stream = *input_.format->streams[input_.stream];
  absl::StatusOr<int> turns = QuarterTurns(stream);
  if (!turns.ok()) return Prefixed(turns.status(), scanned_->path);
  quarter_turns_ = *turns;
  auto codec = OpenDecoder(stream.codecpar->codec_id, stream.codecpar, stream.time_base);
  if (!codec.ok()) return Prefixed(codec.status(), scanned_->path);
  codec_ = *std::move(codec);
  next_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<Image> VideoFile::Read(int64_t number) {
  if (number < 0 || number >= frames()) {
    return Error(absl::StatusCode::kOutOfRange, "{}: frame {} of {}", scanned_->path, number,
                 frames());
  }
  ForgetLibavLog();
  // A key frame between here and there is the shorter way.
  const VideoIndex& index = scanned_->index;
  const bool go_on = next_ >= 0 && number >= next_ &&
                     (number == next_ || index.KeyBefore(number) <= index.KeyBefore(next_));
  Found found = Found::kMissing;
  if (go_on) {
    LRTI_ASSIGN_OR_RETURN(found, DecodeTo(number));
  }
  if (found == Found::kMissing) {
    LRTI_ASSIGN_OR_RETURN(found, SeekAndDecodeTo(number));
  }
  if (found == Found::kMissing) return Undecodable(number);
  return TakeImage(number);
}

absl::StatusOr<VideoFile::Found> VideoFile::SeekAndDecodeTo(int64_t number) {
  // Frames after an open or badly marked key frame may not decode from it, and some containers
  // seek past their goal: then from one key frame earlier, then from the top.
  const size_t key = scanned_->index.KeyBefore(number);
  const size_t first = key == 0 ? 0 : key - 1;
  for (size_t attempt = key + 1; attempt-- > first;) {
    if (!SeekToKey(attempt)) continue;
    LRTI_ASSIGN_OR_RETURN(const Found found, DecodeTo(number));
    if (found == Found::kYes) return found;
  }
  LRTI_RETURN_IF_ERROR(Restart());
  return DecodeTo(number);
}

bool VideoFile::SeekToKey(size_t key) {
  next_ = -1;
  const int code = av_seek_frame(input_.format.get(), input_.stream, scanned_->index.keys[key].seek,
                                 AVSEEK_FLAG_BACKWARD);
  if (code < 0) return false;
  avcodec_flush_buffers(codec_.get());
  return true;
}

absl::StatusOr<VideoFile::Found> VideoFile::DecodeTo(int64_t number) {
  const int64_t target = scanned_->index.pts[static_cast<size_t>(number)];
  next_ = -1;
  while (true) {
    LRTI_ASSIGN_OR_RETURN(const Found found, DecodeNext());
    if (found == Found::kMissing) return found;
    const int64_t pts = frame_->pts != AV_NOPTS_VALUE ? frame_->pts : frame_->best_effort_timestamp;
    if (pts > target) return Found::kMissing;
    if (pts < target) continue;
    next_ = number + 1;
    return Found::kYes;
  }
}

absl::StatusOr<VideoFile::Found> VideoFile::DecodeNext() {
  while (true) {
    const int code = avcodec_receive_frame(codec_.get(), frame_.get());
    if (code >= 0) return Found::kYes;
    if (code == AVERROR_EOF) return Found::kMissing;
    // A damaged frame is left out here; DecodeTo notices if it was the one wanted.
    if (IsDamage(code)) continue;
    if (code != AVERROR(EAGAIN)) return DataLoss("{}: {}", scanned_->path, LibavError(code));
    LRTI_RETURN_IF_ERROR(Feed());
  }
}

/// Gives the decoder the stream's next packet, or tells it that there is none.
absl::Status VideoFile::Feed() {
  av_packet_unref(packet_.get());
  int code = 0;
  while ((code = av_read_frame(input_.format.get(), packet_.get())) >= 0) {
    if (packet_->stream_index == input_.stream) break;
    av_packet_unref(packet_.get());
  }
  if (code < 0 && code != AVERROR_EOF) {
    return DataLoss("{}: {}", scanned_->path, LibavError(code));
  }
  const int sent = avcodec_send_packet(codec_.get(), code == AVERROR_EOF ? nullptr : packet_.get());
  if (sent >= 0 || IsDamage(sent)) return absl::OkStatus();
  return DataLoss("{}: {}", scanned_->path, LibavError(sent));
}

absl::StatusOr<Image> VideoFile::TakeImage(int64_t number) {
  absl::StatusOr<Image> image = converter_.Convert(*frame_);
  if (!image.ok()) {
    return Prefixed(image.status(), fmt::format("{}: frame {}", scanned_->path, number));
  }
  Image turned = RotateClockwise(*std::move(image), quarter_turns_);
  const bool is_first = scanned_->height == 0;
  if (!is_first && (turned.height != height() || turned.width != width())) {
    return DataLoss("{}: frame {} is {}x{} pixels, the first frame {}x{}", scanned_->path, number,
                    turned.width, turned.height, width(), height());
  }
  return turned;
}

absl::Status VideoFile::Undecodable(int64_t number) const {
  const std::string why = LibavLog();
  return DataLoss("{}: frame {} of {} cannot be decoded: {}", scanned_->path, number, frames(),
                  why.empty() ? "the decoder left it out" : why);
}

class VideoFileSource : public VideoSource {
 public:
  explicit VideoFileSource(std::shared_ptr<const Scanned> scanned) : scanned_(std::move(scanned)) {}

  int64_t frames() const override { return static_cast<int64_t>(scanned_->index.pts.size()); }
  int64_t height() const override { return scanned_->height; }
  int64_t width() const override { return scanned_->width; }

  absl::StatusOr<std::unique_ptr<Video>> Open() const override {
    auto file = std::make_unique<VideoFile>(scanned_);
    LRTI_RETURN_IF_ERROR(file->Restart());
    return file;
  }

 private:
  const std::shared_ptr<const Scanned> scanned_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const VideoSource>> ScanVideoFile(const std::string& path) {
  auto scanned = std::make_shared<Scanned>();
  scanned->path = path;
  LRTI_ASSIGN_OR_RETURN(scanned->index, IndexVideo(path));
  // Only decoding tells the true size, and whether this is a video at all.
  VideoFile file(scanned);
  LRTI_RETURN_IF_ERROR(file.Restart());
  LRTI_ASSIGN_OR_RETURN(const Image first, file.Read(0));
  scanned->height = first.height;
  scanned->width = first.width;
  return std::make_shared<const VideoFileSource>(std::move(scanned));
}

}  // namespace lrti::data
