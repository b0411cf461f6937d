#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "common/base/check.h"
#include "data/libav.h"
#include "data/video.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace lrti::data {

/// For tests: frame `number` of a picture that moves; no two numbers below 200 look alike.
inline Image MovingImage(int64_t number, int64_t height, int64_t width) {
  Image image{height, width, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const bool inside = (x + width - number % width) % width < width / 4;
      image.pixels.push_back(static_cast<uint8_t>((4 * x + 2 * number) % 256));
      image.pixels.push_back(static_cast<uint8_t>((3 * y + number) % 256));
      image.pixels.push_back(inside ? 220 : 30);
    }
  }
  return image;
}

/// For tests: an empty frame of a pixel format.
inline LibavPtr<AVFrame> BlankFrame(AVPixelFormat format, int64_t height, int64_t width) {
  LibavPtr<AVFrame> frame = NewFrame();
  frame->format = format;
  frame->height = static_cast<int>(height);
  frame->width = static_cast<int>(width);
  LRTI_CHECK(av_frame_get_buffer(frame.get(), 0) == 0);
  return frame;
}

/// For tests: the picture in any pixel format, by swscale.
inline LibavPtr<AVFrame> ToFrame(const Image& image, AVPixelFormat format) {
  LibavPtr<AVFrame> frame = BlankFrame(format, image.height, image.width);
  const LibavPtr<SwsContext> scaler(
      sws_getContext(frame->width, frame->height, AV_PIX_FMT_RGB24, frame->width, frame->height,
                     format, SWS_BICUBIC | SWS_ACCURATE_RND, nullptr, nullptr, nullptr));
  LRTI_CHECK(scaler != nullptr);
  const uint8_t* const planes[4] = {image.pixels.data(), nullptr, nullptr, nullptr};
  const int strides[4] = {frame->width * 3, 0, 0, 0};
  LRTI_CHECK(sws_scale(scaler.get(), planes, strides, 0, frame->height, frame->data,
                       frame->linesize) == frame->height);
  return frame;
}

/// For tests: one 8-bit 4:4:4 frame of one colour.
inline LibavPtr<AVFrame> UniformYuv(uint8_t y, uint8_t u, uint8_t v, int64_t height,
                                    int64_t width) {
  LibavPtr<AVFrame> frame = BlankFrame(AV_PIX_FMT_YUV444P, height, width);
  const uint8_t levels[3] = {y, u, v};
  for (int p = 0; p < 3; ++p) {
    std::memset(frame->data[p], levels[p],
                static_cast<size_t>(frame->linesize[p]) * static_cast<size_t>(height));
  }
  return frame;
}

/// For tests: how a video is written.
struct VideoFormat {
  AVCodecID codec = AV_CODEC_ID_PNG;
  AVPixelFormat pixels = AV_PIX_FMT_RGB24;
  int gop = 1;  // frames from key frame to key frame
  int b_frames = 0;
  AVColorSpace matrix = AVCOL_SPC_UNSPECIFIED;
  AVColorRange range = AVCOL_RANGE_UNSPECIFIED;
};

/// For tests: writes a small video of 25 frames a second; the name's ending chooses the container.
class VideoWriter {
 public:
  VideoWriter(const std::string& path, const VideoFormat& format) : format_(format) {
    ForgetLibavLog();
    LRTI_CHECK(avformat_alloc_output_context2(&output_, nullptr, nullptr, path.c_str()) >= 0);
    LRTI_CHECK(avio_open(&output_->pb, path.c_str(), AVIO_FLAG_WRITE) >= 0);
  }
  ~VideoWriter() {
    Encode(nullptr);
    LRTI_CHECK(av_write_trailer(output_) == 0);
    avio_closep(&output_->pb);
    avformat_free_context(output_);
  }
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  void Add(const Image& image) { Add(*ToFrame(image, format_.pixels)); }

  /// A frame of another size than the last begins anew in the same stream.
  void Add(AVFrame& frame) {
    const bool same_size =
        encoder_ != nullptr && encoder_->width == frame.width && encoder_->height == frame.height;
    if (!same_size) {
      if (encoder_ != nullptr) Encode(nullptr);
      OpenEncoder(frame);
    }
    frame.pts = frames_++;
    Encode(&frame);
  }

 private:
  void OpenEncoder(const AVFrame& frame) {
    const AVCodec* codec = avcodec_find_encoder(format_.codec);
    LRTI_CHECK(codec != nullptr);
    encoder_.reset(avcodec_alloc_context3(codec));
    encoder_->width = frame.width;
    encoder_->height = frame.height;
    encoder_->pix_fmt = static_cast<AVPixelFormat>(frame.format);
    encoder_->time_base = AVRational{1, 25};
    encoder_->framerate = AVRational{25, 1};
    encoder_->gop_size = format_.gop;
    encoder_->max_b_frames = format_.b_frames;
    encoder_->thread_count = 1;
    encoder_->bit_rate = 2'000'000;
    encoder_->colorspace = format_.matrix;
    encoder_->color_range = format_.range;
    if ((output_->oformat->flags & AVFMT_GLOBALHEADER) != 0) {
      encoder_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }
    LRTI_CHECK(avcodec_open2(encoder_.get(), codec, nullptr) >= 0);
    if (output_->nb_streams > 0) return;
    AVStream* stream = avformat_new_stream(output_, nullptr);
    LRTI_CHECK(avcodec_parameters_from_context(stream->codecpar, encoder_.get()) >= 0);
    stream->time_base = encoder_->time_base;
    LRTI_CHECK(avformat_write_header(output_, nullptr) >= 0);
  }

  void Encode(const AVFrame* frame) {
    LRTI_CHECK(avcodec_send_frame(encoder_.get(), frame) >= 0);
    const LibavPtr<AVPacket> packet = NewPacket();
    while (avcodec_receive_packet(encoder_.get(), packet.get()) >= 0) {
      av_packet_rescale_ts(packet.get(), encoder_->time_base, output_->streams[0]->time_base);
      if (packet->duration == 0) {
        packet->duration = av_rescale_q(1, encoder_->time_base, output_->streams[0]->time_base);
      }
      LRTI_CHECK(av_interleaved_write_frame(output_, packet.get()) >= 0);
    }
  }

  const VideoFormat format_;
  AVFormatContext* output_ = nullptr;
  LibavPtr<AVCodecContext> encoder_;
  int64_t frames_ = 0;
};

/// For tests: `count` frames of MovingImage.
inline void WriteVideo(const std::string& path, const VideoFormat& format, int64_t count,
                       int64_t height, int64_t width) {
  VideoWriter writer(path, format);
  for (int64_t i = 0; i < count; ++i) writer.Add(MovingImage(i, height, width));
}

/// For tests: one frame as an image file of the codec.
inline void WriteImageFile(const std::string& path, AVCodecID id, const AVFrame& frame) {
  ForgetLibavLog();
  const AVCodec* codec = avcodec_find_encoder(id);
  LRTI_CHECK(codec != nullptr);
  const LibavPtr<AVCodecContext> encoder(avcodec_alloc_context3(codec));
  encoder->width = frame.width;
  encoder->height = frame.height;
  encoder->pix_fmt = static_cast<AVPixelFormat>(frame.format);
  encoder->time_base = AVRational{1, 25};
  encoder->color_range = AVCOL_RANGE_JPEG;
  encoder->flags |= AV_CODEC_FLAG_QSCALE;
  encoder->global_quality = FF_QP2LAMBDA;
  LRTI_CHECK(avcodec_open2(encoder.get(), codec, nullptr) >= 0);
  LRTI_CHECK(avcodec_send_frame(encoder.get(), &frame) >= 0);
  LRTI_CHECK(avcodec_send_frame(encoder.get(), nullptr) >= 0);
  const LibavPtr<AVPacket> packet = NewPacket();
  LRTI_CHECK(avcodec_receive_packet(encoder.get(), packet.get()) >= 0);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(packet->data), packet->size);
}

/// For tests: all bytes of a file, and back.
inline std::string Slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  LRTI_CHECK(file.good());
  return std::string(std::istreambuf_iterator<char>(file), {});
}
inline void Spill(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<int64_t>(bytes.size()));
}

}  // namespace lrti::data
