#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/video.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
}

namespace lrti::data {

/// Owning pointers to libav's objects.
struct LibavDeleter {
  void operator()(AVFormatContext* format) const { avformat_close_input(&format); }
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};
template <typename T>
using LibavPtr = std::unique_ptr<T, LibavDeleter>;

LibavPtr<AVFrame> NewFrame();
LibavPtr<AVPacket> NewPacket();

/// Keeps libav's log away from stderr; its errors are remembered a thread, and this forgets the
/// calling thread's last one. Call before a libav operation whose error is to be explained.
void ForgetLibavLog();

/// What libav complained about last on this thread since ForgetLibavLog; may be empty.
std::string LibavLog();

/// The meaning of a libav error code, with the last complaint where there is one.
std::string LibavError(int code);

/// A decoder of one thread (results must not depend on timing, and many readers run at once).
/// `parameters` and `time_base` may be absent for codecs that need none (image files).
absl::StatusOr<LibavPtr<AVCodecContext>> OpenDecoder(AVCodecID id,
                                                     const AVCodecParameters* parameters,
                                                     AVRational time_base);

/// InvalidArgument when a side is not in 1..kSideMax.
absl::Status CheckSize(int64_t height, int64_t width);

}  // namespace lrti::data
