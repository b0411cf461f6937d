#include "data/video_index.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "common/base/check.h"
#include "common/base/status.h"
#include "data/limits.h"

namespace lrti::data {
namespace {

absl::Status CutShort(const std::string& path, size_t frames, const std::string& why) {
  return DataLoss("{}: the file is damaged or was cut short after {} frames: {}", path, frames,
                  why);
}

/// For mp4 and mov, the index at the file's head promises packets: are they all there?
int64_t PacketsPromised(const AVFormatContext& format, const AVStream* stream) {
  const bool is_mov = std::string_view(format.iformat->name).find("mov") != std::string_view::npos;
  return is_mov ? avformat_index_get_entries_count(stream) : 0;
}

/// Adds a packet of the stream to the index.
absl::Status AddPacket(const AVPacket& packet, bool seeks_by_pts, VideoIndex& index) {
  if (packet.size == 0) return absl::OkStatus();  // AVI's way to say: the same picture again
  const int64_t pts = packet.pts != AV_NOPTS_VALUE ? packet.pts : packet.dts;
  if (pts == AV_NOPTS_VALUE) {
    return InvalidArgument(
        "the frames carry no time stamps; put the stream into a container, "
        "such as .mp4 or .mkv");
  }
  if ((packet.flags & AV_PKT_FLAG_KEY) != 0) {
    const bool use_dts = !seeks_by_pts && packet.dts != AV_NOPTS_VALUE;
    index.keys.push_back({.pts = pts, .seek = use_dts ? packet.dts : pts});
  }
  // Discarded packets lie outside the edit list: decoded, never shown.
  if ((packet.flags & AV_PKT_FLAG_DISCARD) == 0) index.pts.push_back(pts);
  if (static_cast<int64_t>(index.pts.size()) > kFramesMax) {
    return InvalidArgument("more than {} frames; split the video", kFramesMax);
  }
  return absl::OkStatus();
}

absl::Status ReadAllPackets(const std::string& path, const VideoInput& input, VideoIndex& index) {
  const bool seeks_by_pts = (input.format->iformat->flags & AVFMT_SEEK_TO_PTS) != 0;
  const LibavPtr<AVPacket> packet = NewPacket();
  int64_t packets = 0;
  int code = 0;
  ForgetLibavLog();
  while ((code = av_read_frame(input.format.get(), packet.get())) >= 0) {
    if (packet->stream_index == input.stream) {
      ++packets;
      if ((packet->flags & AV_PKT_FLAG_CORRUPT) != 0) {
        return CutShort(path, index.pts.size(), "a damaged packet follows");
      }
      const absl::Status added = AddPacket(*packet, seeks_by_pts, index);
      if (!added.ok()) return Prefixed(added, path);
    }
    av_packet_unref(packet.get());
  }
  if (code != AVERROR_EOF) return CutShort(path, index.pts.size(), LibavError(code));
  const AVStream* stream = input.format->streams[input.stream];
  const int64_t promised = PacketsPromised(*input.format, stream);
  if (packets < promised) {
    return CutShort(path, index.pts.size(), fmt::format("its header promises {}", promised));
  }
  if (LibavLog().find("ended prematurely") != std::string::npos) {
    return CutShort(path, index.pts.size(), LibavLog());
  }
  return absl::OkStatus();
}

}  // namespace

size_t VideoIndex::KeyBefore(int64_t frame) const {
  const int64_t target = pts[static_cast<size_t>(frame)];
  const auto after = std::upper_bound(keys.begin(), keys.end(), target,
                                      [](int64_t time, const Key& key) { return time < key.pts; });
  return after == keys.begin() ? 0 : static_cast<size_t>(after - keys.begin()) - 1;
}

absl::StatusOr<VideoInput> OpenInput(const std::string& path) {
  ForgetLibavLog();
  AVFormatContext* format = avformat_alloc_context();
  LRTI_CHECK(format != nullptr);
  format->flags |= AVFMT_FLAG_GENPTS;
  AVDictionary* options = nullptr;
  av_dict_set(&options, "protocol_whitelist", "file", 0);  // a playlist must not reach out
  int code = avformat_open_input(&format, ("file:" + path).c_str(), nullptr, &options);
  av_dict_free(&options);
  if (code < 0) {
    return DataLoss("{}: not a video that can be read, or a damaged one: {}", path,
                    LibavError(code));
  }
  VideoInput input{.format = LibavPtr<AVFormatContext>(format)};
  code = avformat_find_stream_info(format, nullptr);
  if (code < 0) return DataLoss("{}: {}", path, LibavError(code));
  input.stream = av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (input.stream < 0) return InvalidArgument("{}: there is no video stream in this file", path);
  for (int i = 0; i < static_cast<int>(format->nb_streams); ++i) {
    if (i != input.stream) format->streams[i]->discard = AVDISCARD_ALL;
  }
  return input;
}

absl::StatusOr<VideoIndex> IndexVideo(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(const VideoInput input, OpenInput(path));
  VideoIndex index;
  index.stream = input.stream;
  LRTI_RETURN_IF_ERROR(ReadAllPackets(path, input, index));
  if (index.pts.size() < 2) {
    return InvalidArgument("{}: {} frame(s); a video needs at least 2", path, index.pts.size());
  }
  std::sort(index.pts.begin(), index.pts.end());
  std::sort(index.keys.begin(), index.keys.end(),
            [](const VideoIndex::Key& a, const VideoIndex::Key& b) { return a.pts < b.pts; });
  const auto twin = std::adjacent_find(index.pts.begin(), index.pts.end());
  if (twin != index.pts.end()) {
    return DataLoss("{}: frames {} and {} have the same time stamp; convert the file anew", path,
                    twin - index.pts.begin(), twin - index.pts.begin() + 1);
  }
  if (index.keys.empty()) {
    return DataLoss("{}: no key frame, so decoding cannot begin", path);
  }
  return index;
}

}  // namespace lrti::data
