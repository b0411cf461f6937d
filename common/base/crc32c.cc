#include "common/base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace lrti {
namespace {

constexpr size_t kPieceMax = size_t{1} << 30;  // ISA-L counts in int

}  // namespace

uint32_t Crc32c(std::span<const std::byte> bytes, uint32_t crc) {
  crc = ~crc;  // ISA-L leaves both inversions of CRC-32C to its caller
  while (!bytes.empty()) {
    const size_t piece = std::min(bytes.size(), kPieceMax);
    // ISA-L only reads; its prototype predates const.
    auto* begin = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
    crc = crc32_iscsi(begin, static_cast<int>(piece), crc);
    bytes = bytes.subspan(piece);
  }
  return ~crc;
}

}  // namespace lrti
