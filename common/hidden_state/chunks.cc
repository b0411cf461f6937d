#include "common/hidden_state/chunks.h"

#include <algorithm>

#include "common/base/crc32c.h"

namespace lrti::hidden_state {

std::vector<uint32_t> ChunkCrcs(std::span<const std::byte> bytes) {
  std::vector<uint32_t> crcs;
  while (!bytes.empty()) {
    const auto chunk = bytes.first(std::min<size_t>(bytes.size(), kCrcChunkBytes));
    crcs.push_back(Crc32c(chunk));
    bytes = bytes.subspan(chunk.size());
  }
  return crcs;
}

}  // namespace lrti::hidden_state
