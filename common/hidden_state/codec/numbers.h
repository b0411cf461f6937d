#pragma once

#include <bit>
#include <cstdint>

namespace lrti::codec {

/// One value between fp32 and the 16-bit formats, without branches, so that loops become vector
/// instructions. Rules of both formats:
///  - to the nearest representable value, ties to the even one;
///  - a finite value beyond the largest by half a step or more becomes an infinity of its sign;
///  - infinities stay; NaN stays a NaN of its sign, made quiet, with the upper bits of its payload;
///  - subnormal values and the sign of zero are kept.
/// Back to fp32 is exact.

inline uint16_t ToBf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = bits + 0x7fff + ((bits >> 16) & 1);
  const bool nan = (bits & 0x7fffffff) > 0x7f800000;
  return static_cast<uint16_t>((nan ? (bits | 0x400000) : rounded) >> 16);
}

inline float FromBf16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

inline uint16_t ToFp16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  // The exponent moves from a bias of 127 to one of 15; the carry of the rounding may raise it.
  const uint32_t normal = (magnitude - (112u << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  // Below 2^-14: adding 0.5, whose last bit is worth 2^-24, rounds to that step in hardware.
  const uint32_t small =
      std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000;
  const uint32_t nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);
  uint32_t result = magnitude < 0x38800000 ? small : normal;
  result = magnitude >= 0x477ff000 ? 0x7c00 : result;  // from 65520 on
  result = magnitude > 0x7f800000 ? nan : result;
  return static_cast<uint16_t>(sign | result);
}

inline float FromFp16(uint16_t half) {
  const uint32_t sign = (uint32_t{half} & 0x8000) << 16;
  const uint32_t magnitude = half & 0x7fff;
  const uint32_t normal = (magnitude << 13) + (112u << 23);
  const uint32_t special = (magnitude << 13) | 0x7f800000;  // infinities and NaN
  const auto small =
      std::bit_cast<uint32_t>(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
  uint32_t result = magnitude < 0x400 ? small : normal;
  result = magnitude >= 0x7c00 ? special : result;
  return std::bit_cast<float>(sign | result);
}

inline bool IsFinite(float value) {
  return (std::bit_cast<uint32_t>(value) & 0x7fffffff) < 0x7f800000;
}

}  // namespace lrti::codec
