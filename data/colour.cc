#include "data/colour.h"

#include <algorithm>
#include <cstring>

#include "common/base/status.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace lrti::data {
namespace {

constexpr int64_t kRowPadding = 64;

Image NewImage(int64_t height, int64_t width) {
  return Image{height, width, std::vector<uint8_t>(static_cast<size_t>(height * width * 3))};
}

int64_t PaddedStride(int width) {
  return (width * 3 + 2 * kRowPadding - 1) / kRowPadding * kRowPadding;
}

/// RGB or grey whose samples can be read one by one, without any matrix.
bool IsPlain(const AVPixFmtDescriptor& description) {
  const bool rgb = (description.flags & AV_PIX_FMT_FLAG_RGB) != 0;
  const bool grey = description.nb_components <= 2;
  constexpr uint64_t kOther = AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM |
                              AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_HWACCEL |
                              AV_PIX_FMT_FLAG_BAYER;
  return (rgb || grey) && (description.flags & kOther) == 0;
}

uint8_t ToEightBits(uint32_t value, uint32_t max) {
  return static_cast<uint8_t>((value * 255 + max / 2) / max);
}

Image CopyRgb24(const AVFrame& frame) {
  Image image = NewImage(frame.height, frame.width);
  const size_t row = static_cast<size_t>(image.width) * 3;
  for (int y = 0; y < frame.height; ++y) {
    std::memcpy(image.pixels.data() + static_cast<size_t>(y) * row,
                frame.data[0] + static_cast<ptrdiff_t>(y) * frame.linesize[0], row);
  }
  return image;
}

/// Sample by sample, whatever the order and width of the channels.
Image CopyPlain(const AVFrame& frame, const AVPixFmtDescriptor& description) {
  Image image = NewImage(frame.height, frame.width);
  std::vector<uint16_t> line(static_cast<size_t>(frame.width));
  const bool grey = description.nb_components <= 2;
  for (int y = 0; y < frame.height; ++y) {
    for (int c = 0; c < 3; ++c) {
      const int component = grey ? 0 : c;
      av_read_image_line(line.data(), const_cast<const uint8_t**>(frame.data), frame.linesize,
                         &description, 0, y, component, frame.width, 0);
      const uint32_t max = (1U << description.comp[component].depth) - 1;
      uint8_t* out = image.pixels.data() + static_cast<ptrdiff_t>(y) * frame.width * 3 + c;
      for (int x = 0; x < frame.width; ++x) {
        out[x * 3] = ToEightBits(line[static_cast<size_t>(x)], max);
      }
    }
  }
  return image;
}

/// swscale's number for the matrix of a frame.
int Matrix(const AVFrame& frame, Untagged untagged) {
  switch (frame.colorspace) {
    case AVCOL_SPC_BT709:
      return SWS_CS_ITU709;
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
      return SWS_CS_ITU601;
    case AVCOL_SPC_SMPTE240M:
      return SWS_CS_SMPTE240M;
    case AVCOL_SPC_FCC:
      return SWS_CS_FCC;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      return SWS_CS_BT2020;
    default:
      break;
  }
  return untagged == Untagged::kByHeight && frame.height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601;
}

/// The yuvj formats say "full range" by their name.
bool IsFullRange(const AVFrame& frame) {
  switch (frame.format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ411P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ444P:
      return true;
    default:
      return frame.color_range == AVCOL_RANGE_JPEG;
  }
}

}  // namespace

RgbConverter::Source RgbConverter::Describe(const AVFrame& frame) const {
  return Source{.width = frame.width,
                .height = frame.height,
                .format = frame.format,
                .matrix = Matrix(frame, untagged_),
                .full_range = IsFullRange(frame)};
}

absl::Status RgbConverter::Prepare(const Source& source) {
  if (scaler_ != nullptr && source == source_) return absl::OkStatus();
  const auto format = static_cast<AVPixelFormat>(source.format);
  scaler_.reset(sws_getContext(source.width, source.height, format, source.width, source.height,
                               AV_PIX_FMT_RGB24,
                               SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_BITEXACT,
                               nullptr, nullptr, nullptr));
  if (scaler_ == nullptr) {
    const char* name = av_get_pix_fmt_name(format);
    return InvalidArgument("pixel format {} cannot be turned into RGB",
                           name != nullptr ? name : "unknown");
  }
  // Fails for formats without a matrix (palettes, RGB): there is nothing to set then.
  sws_setColorspaceDetails(scaler_.get(), sws_getCoefficients(source.matrix),
                           source.full_range ? 1 : 0, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0,
                           1 << 16, 1 << 16);
  source_ = source;
  rows_.resize(static_cast<size_t>(PaddedStride(source.width) * source.height + kRowPadding));
  return absl::OkStatus();
}

absl::StatusOr<Image> RgbConverter::Convert(const AVFrame& frame) {
  LRTI_RETURN_IF_ERROR(CheckSize(frame.height, frame.width));
  if (frame.format == AV_PIX_FMT_RGB24) return CopyRgb24(frame);
  const AVPixFmtDescriptor* description =
      av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  if (description == nullptr) return InvalidArgument("unknown pixel format {}", frame.format);
  const bool limited_grey =
      description->nb_components <= 2 && frame.color_range == AVCOL_RANGE_MPEG;
  if (IsPlain(*description) && !limited_grey) return CopyPlain(frame, *description);

  LRTI_RETURN_IF_ERROR(Prepare(Describe(frame)));
  const int64_t stride = PaddedStride(frame.width);
  uint8_t* const planes[4] = {rows_.data(), nullptr, nullptr, nullptr};
  const int strides[4] = {static_cast<int>(stride), 0, 0, 0};
  const int rows =
      sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, planes, strides);
  if (rows != frame.height) return DataLoss("colour conversion failed: {}", LibavError(rows));
  Image image = NewImage(frame.height, frame.width);
  for (int64_t y = 0; y < image.height; ++y) {
    std::copy_n(rows_.begin() + y * stride, image.width * 3,
                image.pixels.begin() + y * image.width * 3);
  }
  return image;
}

Image RotateClockwise(Image image, int quarters) {
  for (int turn = 0; turn < quarters; ++turn) {
    Image turned = NewImage(image.width, image.height);
    for (int64_t y = 0; y < turned.height; ++y) {
      for (int64_t x = 0; x < turned.width; ++x) {
        const auto from = image.pixels.begin() + ((image.height - 1 - x) * image.width + y) * 3;
        std::copy_n(from, 3, turned.pixels.begin() + (y * turned.width + x) * 3);
      }
    }
    image = std::move(turned);
  }
  return image;
}

}  // namespace lrti::data
