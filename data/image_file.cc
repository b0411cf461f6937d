#include "data/image_file.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "common/base/check.h"
#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "data/colour.h"
#include "data/libav.h"
#include "data/limits.h"

extern "C" {
#include <libavutil/opt.h>
}

namespace lrti::data {
namespace {

constexpr std::string_view kPngMagic("\x89PNG\r\n\x1a\n", 8);

struct Magic {
  std::string_view bytes;
  AVCodecID codec;
};

AVCodecID CodecOf(std::string_view start) {
  static const std::array kMagics = {
      Magic{kPngMagic, AV_CODEC_ID_PNG},
      Magic{std::string_view("\xff\xd8\xff", 3), AV_CODEC_ID_MJPEG},
      Magic{std::string_view("BM", 2), AV_CODEC_ID_BMP},
      Magic{std::string_view("II*\0", 4), AV_CODEC_ID_TIFF},
      Magic{std::string_view("MM\0*", 4), AV_CODEC_ID_TIFF},
  };
  for (const Magic& magic : kMagics) {
    if (start.starts_with(magic.bytes)) return magic.codec;
  }
  return AV_CODEC_ID_NONE;
}

absl::StatusOr<LibavPtr<AVPacket>> ReadPacket(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kImageFileBytesMax));
  if (bytes.empty()) return DataLoss("{}: the file is empty", path);
  LibavPtr<AVPacket> packet = NewPacket();
  LRTI_CHECK(av_new_packet(packet.get(), static_cast<int>(bytes.size())) == 0);
  std::memcpy(packet->data, bytes.data(), bytes.size());
  return packet;
}

absl::StatusOr<Image> Decode(const AVPacket& packet) {
  ForgetLibavLog();
  const std::string_view start(reinterpret_cast<const char*>(packet.data),
                               static_cast<size_t>(std::min(packet.size, 16)));
  const AVCodecID id = CodecOf(start);
  if (id == AV_CODEC_ID_NONE) return InvalidArgument("not a PNG, JPEG, BMP or TIFF file");
  LRTI_ASSIGN_OR_RETURN(const LibavPtr<AVCodecContext> codec,
                        OpenDecoder(id, nullptr, AVRational{1, 25}));
  // A cut file is an error, not a picture with a grey bottom. (TIFF would stumble over its own
  // tags.)
  if (id != AV_CODEC_ID_TIFF) codec->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK;
  LibavPtr<AVFrame> frame = NewFrame();
  int code = avcodec_send_packet(codec.get(), &packet);
  if (code >= 0) code = avcodec_send_packet(codec.get(), nullptr);
  if (code >= 0) code = avcodec_receive_frame(codec.get(), frame.get());
  if (code < 0) return DataLoss("damaged image: {}", LibavError(code));
  if (frame->decode_error_flags != 0) return DataLoss("damaged image: {}", LibavLog());
  return RgbConverter(Untagged::kBt601).Convert(*frame);
}

int64_t BigEndian(const uint8_t* bytes) {
  return int64_t{bytes[0]} << 24 | int64_t{bytes[1]} << 16 | int64_t{bytes[2]} << 8 | bytes[3];
}

// Rows of bytes as an encoder wants them.
struct Raw {
  int64_t height = 0;
  int64_t width = 0;
  AVPixelFormat format = AV_PIX_FMT_NONE;
  std::string_view bytes;
};

absl::StatusOr<LibavPtr<AVCodecContext>> OpenPngEncoder(const Raw& raw) {
  const AVCodec* encoder = avcodec_find_encoder(AV_CODEC_ID_PNG);
  if (encoder == nullptr) {
    return Error(absl::StatusCode::kInternal, "this libav has no PNG encoder");
  }
  LibavPtr<AVCodecContext> codec(avcodec_alloc_context3(encoder));
  LRTI_CHECK(codec != nullptr);
  codec->width = static_cast<int>(raw.width);
  codec->height = static_cast<int>(raw.height);
  codec->pix_fmt = raw.format;
  codec->time_base = AVRational{1, 25};
  codec->thread_count = 1;
  // Quick: the default level, 6, makes the file 4 % smaller and takes far longer.
  codec->compression_level = 3;
  av_opt_set(codec->priv_data, "pred", "up", 0);
  const int opened = avcodec_open2(codec.get(), encoder, nullptr);
  if (opened < 0) return Error(absl::StatusCode::kInternal, "PNG encoder: {}", LibavError(opened));
  return codec;
}

absl::StatusOr<LibavPtr<AVFrame>> ToFrame(const Raw& raw) {
  LibavPtr<AVFrame> frame = NewFrame();
  frame->format = raw.format;
  frame->width = static_cast<int>(raw.width);
  frame->height = static_cast<int>(raw.height);
  const int code = av_frame_get_buffer(frame.get(), 0);
  if (code < 0) return Error(absl::StatusCode::kResourceExhausted, "{}", LibavError(code));
  const size_t row = raw.bytes.size() / static_cast<size_t>(raw.height);
  for (int64_t y = 0; y < raw.height; ++y) {
    std::memcpy(frame->data[0] + y * frame->linesize[0],
                raw.bytes.data() + static_cast<size_t>(y) * row, row);
  }
  return frame;
}

absl::StatusOr<LibavPtr<AVPacket>> EncodePng(const Raw& raw) {
  ForgetLibavLog();
  LRTI_ASSIGN_OR_RETURN(const LibavPtr<AVCodecContext> codec, OpenPngEncoder(raw));
  LRTI_ASSIGN_OR_RETURN(const LibavPtr<AVFrame> frame, ToFrame(raw));
  LibavPtr<AVPacket> packet = NewPacket();
  int code = avcodec_send_frame(codec.get(), frame.get());
  if (code >= 0) code = avcodec_send_frame(codec.get(), nullptr);
  if (code >= 0) code = avcodec_receive_packet(codec.get(), packet.get());
  if (code < 0) return Error(absl::StatusCode::kInternal, "PNG encoder: {}", LibavError(code));
  return packet;
}

absl::Status WriteRaw(const std::string& path, const Raw& raw) {
  absl::StatusOr<LibavPtr<AVPacket>> packet = EncodePng(raw);
  if (!packet.ok()) return Prefixed(packet.status(), path);
  const auto* bytes = reinterpret_cast<const char*>((*packet)->data);
  return WriteFileAtomic(path, std::string_view(bytes, static_cast<size_t>((*packet)->size)));
}

template <typename Picture>
absl::Status CheckPicture(const std::string& path, const Picture& image) {
  const absl::Status sane = CheckSize(image.height, image.width);
  if (!sane.ok()) return Prefixed(sane, path);
  LRTI_CHECK(image.pixels.size() == static_cast<size_t>(image.height * image.width * 3));
  return absl::OkStatus();
}

}  // namespace

bool HasImageName(std::string_view path) {
  std::string extension = std::filesystem::path(path).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array<std::string_view, 6> kKnown = {".png", ".jpg", ".jpeg",
                                                      ".bmp", ".tif", ".tiff"};
  return std::find(kKnown.begin(), kKnown.end(), extension) != kKnown.end();
}

absl::StatusOr<Image> ReadImage(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(const LibavPtr<AVPacket> packet, ReadPacket(path));
  absl::StatusOr<Image> image = Decode(*packet);
  if (!image.ok()) return Prefixed(image.status(), path);
  return image;
}

absl::StatusOr<ImageSize> ReadImageSize(const std::string& path) {
  std::array<uint8_t, 24> header{};  // magic, length, "IHDR", width, height
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(header.data()), header.size());
  const std::string_view start(reinterpret_cast<const char*>(header.data()), header.size());
  if (file && start.starts_with(kPngMagic)) {
    const ImageSize found{.height = BigEndian(&header[20]), .width = BigEndian(&header[16])};
    const absl::Status sane = CheckSize(found.height, found.width);
    if (!sane.ok()) return Prefixed(sane, path);
    return found;
  }
  LRTI_ASSIGN_OR_RETURN(const Image image, ReadImage(path));
  return ImageSize{.height = image.height, .width = image.width};
}

absl::Status WritePng(const std::string& path, const Image& image) {
  LRTI_RETURN_IF_ERROR(CheckPicture(path, image));
  const auto* bytes = reinterpret_cast<const char*>(image.pixels.data());
  return WriteRaw(path, {image.height, image.width, AV_PIX_FMT_RGB24,
                         std::string_view(bytes, image.pixels.size())});
}

absl::Status WritePng(const std::string& path, const Image16& image) {
  LRTI_RETURN_IF_ERROR(CheckPicture(path, image));
  std::string bytes;
  bytes.reserve(2 * image.pixels.size());
  for (const uint16_t value : image.pixels) {  // the high byte first, on any machine
    bytes.push_back(static_cast<char>(value >> 8));
    bytes.push_back(static_cast<char>(value & 0xff));
  }
  return WriteRaw(path, {image.height, image.width, AV_PIX_FMT_RGB48BE, bytes});
}

}  // namespace lrti::data
