#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace lrti {

/// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78) of `bytes`, going on from `crc`, the value
/// for what came before. By the processor's instructions (ISA-L).
uint32_t Crc32c(std::span<const std::byte> bytes, uint32_t crc = 0);

inline uint32_t Crc32c(std::string_view text, uint32_t crc = 0) {
  return Crc32c(std::as_bytes(std::span(text)), crc);
}

/// The masked form that TFRecord files hold: a CRC over bytes that contain CRCs is weak.
constexpr uint32_t MaskedCrc32c(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

}  // namespace lrti
