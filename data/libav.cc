#include "data/libav.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>

#include "common/base/check.h"
#include "common/base/status.h"
#include "data/limits.h"

namespace lrti::data {
namespace {

thread_local std::string last_complaint;

void Remember(void* /*source*/, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_ERROR) return;
  std::array<char, 512> line{};
  std::vsnprintf(line.data(), line.size(), format, arguments);
  std::string text = line.data();
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  if (!text.empty()) last_complaint = std::move(text);
}

}  // namespace

LibavPtr<AVFrame> NewFrame() {
  LibavPtr<AVFrame> frame(av_frame_alloc());
  LRTI_CHECK(frame != nullptr);
  return frame;
}

LibavPtr<AVPacket> NewPacket() {
  LibavPtr<AVPacket> packet(av_packet_alloc());
  LRTI_CHECK(packet != nullptr);
  return packet;
}

void ForgetLibavLog() {
  static std::once_flag installed;
  std::call_once(installed, [] { av_log_set_callback(Remember); });
  last_complaint.clear();
}

std::string LibavLog() { return last_complaint; }

std::string LibavError(int code) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  if (last_complaint.empty()) return text.data();
  return fmt::format("{} ({})", text.data(), last_complaint);
}

absl::StatusOr<LibavPtr<AVCodecContext>> OpenDecoder(AVCodecID id,
                                                     const AVCodecParameters* parameters,
                                                     AVRational time_base) {
  const AVCodec* decoder = avcodec_find_decoder(id);
  if (decoder == nullptr) {
    return InvalidArgument("this libav has no decoder for {}", avcodec_get_name(id));
  }
  LibavPtr<AVCodecContext> codec(avcodec_alloc_context3(decoder));
  LRTI_CHECK(codec != nullptr);
  if (parameters != nullptr) {
    const int copied = avcodec_parameters_to_context(codec.get(), parameters);
    if (copied < 0) return DataLoss("{}", LibavError(copied));
  }
  codec->pkt_timebase = time_base;
  codec->thread_count = 1;
  codec->max_pixels = kSideMax * kSideMax;
  const int opened = avcodec_open2(codec.get(), decoder, nullptr);
  if (opened < 0) return DataLoss("{}: {}", avcodec_get_name(id), LibavError(opened));
  return codec;
}

absl::Status CheckSize(int64_t height, int64_t width) {
  if (height >= 1 && width >= 1 && height <= kSideMax && width <= kSideMax) {
    return absl::OkStatus();
  }
  return InvalidArgument("a size of {}x{} pixels is outside 1..{} a side", width, height, kSideMax);
}

}  // namespace lrti::data
