#include "common/hidden_state/codec/codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/hidden_state/codec/numbers.h"

namespace lrti::codec {
namespace {

static_assert(std::endian::native == std::endian::little, "encoded values are little-endian");

constexpr float kInt8Max = 127;
constexpr size_t kBlock = 4096;  // values whose counts fit 32 bits, which vector lanes have

int32_t MagnitudeBits(float value) { return std::bit_cast<int32_t>(value) & 0x7fffffff; }

// Counts as Loss does. Magnitudes are compared as integers, whose order is that of the floats.
struct Tally {
  uint32_t not_finite = 0;
  uint32_t overflows = 0;
  int32_t error_max = 0;

  // Without branches, so that the loops become vector instructions.
  void Add(float value, float decoded) {
    const uint32_t finite = IsFinite(value) ? 1 : 0;
    const uint32_t held = IsFinite(decoded) ? 1 : 0;
    not_finite += finite ^ 1;
    overflows += finite & (held ^ 1);
    const auto mask = -static_cast<int32_t>(finite & held);
    const int32_t error = MagnitudeBits(value - decoded) & mask;
    error_max = error > error_max ? error : error_max;
  }

  void AddTo(Loss& loss) const {
    loss.not_finite += not_finite;
    loss.overflows += overflows;
    loss.error_max = std::max(loss.error_max, std::bit_cast<float>(error_max));
  }
};

template <typename ToBits, typename FromBits>
Loss Narrow(std::span<const float> values, std::byte* bytes, ToBits to_bits, FromBits from_bits) {
  Loss loss;
  uint16_t narrow[kBlock];  // the caller's bytes need not be aligned
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    const size_t count = std::min(kBlock, values.size() - begin);
    const float* source = values.data() + begin;
    Tally tally;
    for (size_t i = 0; i < count; ++i) {
      narrow[i] = to_bits(source[i]);
      tally.Add(source[i], from_bits(narrow[i]));
    }
    tally.AddTo(loss);
    std::memcpy(bytes + begin * sizeof(uint16_t), narrow, count * sizeof(uint16_t));
  }
  return loss;
}

template <typename FromBits>
void Widen(const std::byte* bytes, std::span<float> values, FromBits from_bits) {
  uint16_t narrow[kBlock];
  for (size_t begin = 0; begin < values.size(); begin += kBlock) {
    const size_t count = std::min(kBlock, values.size() - begin);
    std::memcpy(narrow, bytes + begin * sizeof(uint16_t), count * sizeof(uint16_t));
    for (size_t i = 0; i < count; ++i) values[begin + i] = from_bits(narrow[i]);
  }
}

float ScaleOf(std::span<const float> plane) {
  int32_t largest = 0;
  for (const float value : plane) {
    largest = std::max(largest, IsFinite(value) ? MagnitudeBits(value) : 0);
  }
  const float scale =
      std::max(std::bit_cast<float>(largest) / kInt8Max, std::numeric_limits<float>::min());
  return std::isfinite(scale * kInt8Max) ? scale : std::nextafter(scale, 0.0f);
}

Loss Quantize(std::span<const float> plane, float scale, std::byte* bytes) {
  Loss loss;
  for (size_t begin = 0; begin < plane.size(); begin += kBlock) {
    const size_t count = std::min(kBlock, plane.size() - begin);
    const float* source = plane.data() + begin;
    Tally tally;
    for (size_t i = 0; i < count; ++i) {
      const float clamped = std::min(std::max(source[i] / scale, -kInt8Max), kInt8Max);
      const float steps = source[i] == source[i] ? clamped : 0.0f;
      // Adding 1.5 * 2^23, whose last bit is worth 1, rounds to whole steps in hardware.
      const float rounded = (steps + 0x1.8p23f) - 0x1.8p23f;
      bytes[begin + i] = static_cast<std::byte>(static_cast<int32_t>(rounded));
      tally.Add(source[i], rounded * scale);
    }
    tally.AddTo(loss);
  }
  return loss;
}

Loss EncodeInt8(std::span<const float> values, std::byte* bytes, std::span<float> scales) {
  Loss loss;
  const size_t plane_values = scales.empty() ? 0 : values.size() / scales.size();
  for (size_t p = 0; p < scales.size(); ++p) {
    const std::span<const float> plane = values.subspan(p * plane_values, plane_values);
    scales[p] = ScaleOf(plane);
    const Loss of_plane = Quantize(plane, scales[p], bytes + p * plane_values);
    loss.not_finite += of_plane.not_finite;
    loss.error_max = std::max(loss.error_max, of_plane.error_max);
  }
  return loss;
}

absl::Status CheckScales(std::span<const float> scales, size_t values) {
  if (scales.empty() ? values != 0 : values % scales.size() != 0) {
    return DataLoss("{} scales for {} int8 values", scales.size(), values);
  }
  for (size_t p = 0; p < scales.size(); ++p) {
    if (!IsScale(scales[p])) return DataLoss("scale {} is {}", p, scales[p]);
  }
  return absl::OkStatus();
}

void DecodeInt8(const std::byte* bytes, std::span<const float> scales, std::span<float> values) {
  const size_t plane_values = scales.empty() ? 0 : values.size() / scales.size();
  for (size_t p = 0; p < scales.size(); ++p) {
    for (size_t i = p * plane_values; i < (p + 1) * plane_values; ++i) {
      values[i] = static_cast<float>(static_cast<int8_t>(bytes[i])) * scales[p];
    }
  }
}

}  // namespace

Loss Encode(Encoding encoding, std::span<const float> values, std::span<std::byte> bytes,
            std::span<float> scales) {
  LRTI_CHECK(bytes.size() == values.size() * BytesPerValue(encoding));
  LRTI_CHECK(encoding == Encoding::kInt8 || scales.empty());
  switch (encoding) {
    case Encoding::kFp32: {
      if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
      const auto finite = std::count_if(values.begin(), values.end(), IsFinite);
      return {.not_finite = values.size() - static_cast<size_t>(finite)};
    }
    case Encoding::kBf16:
      return Narrow(
          values, bytes.data(), [](float value) { return ToBf16(value); },
          [](uint16_t bits) { return FromBf16(bits); });
    case Encoding::kFp16:
      return Narrow(
          values, bytes.data(), [](float value) { return ToFp16(value); },
          [](uint16_t bits) { return FromFp16(bits); });
    case Encoding::kInt8:
      LRTI_CHECK(scales.empty() ? values.empty() : values.size() % scales.size() == 0);
      return EncodeInt8(values, bytes.data(), scales);
  }
  LRTI_CHECK(false);
}

Encoding Instead(Encoding encoding, const Loss& loss) {
  if (encoding == Encoding::kFp16 && loss.overflows > 0) return Encoding::kBf16;
  if (encoding == Encoding::kBf16 && loss.overflows > 0) return Encoding::kFp32;
  if (encoding == Encoding::kInt8 && loss.not_finite > 0) return Encoding::kFp32;
  return encoding;
}

bool IsScale(float scale) { return IsFinite(scale) && scale > 0; }

absl::Status Decode(Encoding encoding, std::span<const std::byte> bytes,
                    std::span<const float> scales, std::span<float> values) {
  if (static_cast<uint8_t>(encoding) >= kEncodings) {
    return DataLoss("encoding {} is not known", static_cast<uint8_t>(encoding));
  }
  if (bytes.size() / BytesPerValue(encoding) != values.size() ||
      bytes.size() % BytesPerValue(encoding) != 0) {
    return DataLoss("{} bytes for {} values of {} bytes", bytes.size(), values.size(),
                    BytesPerValue(encoding));
  }
  if (encoding == Encoding::kInt8) {
    LRTI_RETURN_IF_ERROR(CheckScales(scales, values.size()));
    DecodeInt8(bytes.data(), scales, values);
    return absl::OkStatus();
  }
  if (!scales.empty()) {
    return DataLoss("{} scales for values that are not int8", scales.size());
  }
  if (encoding == Encoding::kBf16) {
    Widen(bytes.data(), values, [](uint16_t bits) { return FromBf16(bits); });
  } else if (encoding == Encoding::kFp16) {
    Widen(bytes.data(), values, [](uint16_t bits) { return FromFp16(bits); });
  } else if (!values.empty()) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  }
  return absl::OkStatus();
}

}  // namespace lrti::codec
