#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace lrti::codec {

/// How values lie in bytes, little-endian. The numbers stand on the wire and in stored manifests;
/// they are those of hidden_state::Dtype.
enum class Encoding : uint8_t { kFp32 = 0, kBf16 = 1, kFp16 = 2, kInt8 = 3 };

inline constexpr uint8_t kEncodings = 4;

constexpr size_t BytesPerValue(Encoding encoding) {
  constexpr size_t kBytes[kEncodings] = {4, 2, 2, 1};
  return kBytes[static_cast<uint8_t>(encoding)];
}

/// What an encoding did to values.
struct Loss {
  uint64_t not_finite = 0;  // NaN and infinities among the values
  uint64_t overflows = 0;   // finite values that became infinite
  float error_max = 0;      // largest |value - decoded|; overflows and what is not finite left out

  bool operator==(const Loss&) const = default;
};

/// Writes `values` in `encoding` and says what was lost; fp32 loses nothing. bf16 and fp16 follow
/// numbers.h.
///
/// kInt8 splits the values into `scales.size()` planes of equal size (one channel of one sample
/// each) and writes
///
///     q = round(value / scale), ties to even,    scale = max(|finite values of the plane|) / 127,
///
/// so |q| <= 127 and the error is at most half a scale; a scale is at least the least normal fp32
/// and 127 scales are finite. NaN becomes 0 and an infinity 127 of its sign: Instead says to keep
/// such values otherwise.
///
/// REQUIRES: `bytes` is values.size() * BytesPerValue(encoding) long; `scales` is empty except for
/// kInt8, where its size divides values.size().
Loss Encode(Encoding encoding, std::span<const float> values, std::span<std::byte> bytes,
            std::span<float> scales);

/// What a producer should use in place of `encoding` after such a loss, itself when that holds the
/// values: fp16 that overflows gives way to bf16, bf16 that overflows and int8 of values that are
/// not finite give way to fp32.
Encoding Instead(Encoding encoding, const Loss& loss);

/// A scale that Decode takes: finite and above zero.
bool IsScale(float scale);

/// The values again; bytes and scales may come from anywhere.
/// Errors: DataLoss when sizes do not agree, an encoding is unknown, or a scale is missing, NaN,
/// infinite, zero or negative. A scale is never taken to be 1. `values` is then unspecified.
absl::Status Decode(Encoding encoding, std::span<const std::byte> bytes,
                    std::span<const float> scales, std::span<float> values);

}  // namespace lrti::codec
