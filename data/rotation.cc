#include "data/rotation.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "common/base/status.h"

extern "C" {
#include <libavutil/display.h>
}

namespace lrti::data {
namespace {

using DisplayMatrix = std::array<int32_t, 9>;

/// The stream's matrix, nullptr for none. Its place moved in FFmpeg 6.1.
const void* FindDisplayMatrix(const AVStream& stream) {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 0)
  const AVPacketSideData* data =
      av_packet_side_data_get(stream.codecpar->coded_side_data, stream.codecpar->nb_coded_side_data,
                              AV_PKT_DATA_DISPLAYMATRIX);
  if (data == nullptr || data->size < sizeof(DisplayMatrix)) return nullptr;
  return data->data;
#else
  size_t size = 0;
  const uint8_t* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  return size < sizeof(DisplayMatrix) ? nullptr : data;
#endif
}

bool IsMirrored(const DisplayMatrix& matrix) {
  return static_cast<double>(matrix[0]) * matrix[4] < static_cast<double>(matrix[1]) * matrix[3];
}

}  // namespace

absl::StatusOr<int> QuarterTurns(const AVStream& stream) {
  const void* data = FindDisplayMatrix(stream);
  if (data == nullptr) return 0;
  DisplayMatrix matrix{};
  std::memcpy(matrix.data(), data, sizeof(matrix));
  const double clockwise = -av_display_rotation_get(matrix.data());
  const double quarters = std::round(clockwise / 90);
  if (!std::isfinite(clockwise) || std::abs(clockwise - 90 * quarters) > 1 || IsMirrored(matrix)) {
    return InvalidArgument(
        "the picture is turned by {:.1f} degrees or mirrored for display; only "
        "multiples of 90 degrees are applied. Convert the file first",
        clockwise);
  }
  return (static_cast<int>(quarters) % 4 + 4) % 4;
}

}  // namespace lrti::data
