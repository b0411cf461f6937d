#pragma once

#include <cstdint>
#include <string_view>

namespace lrti {

/// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78) of `bytes`, going on from `crc`, the value
/// for what came before.
uint32_t Crc32c(std::string_view bytes, uint32_t crc = 0);

/// The masked form that TFRecord files hold: a CRC over bytes that contain CRCs is weak.
constexpr uint32_t MaskedCrc32c(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8U; }

}  // namespace lrti
