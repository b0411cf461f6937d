#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lrti::hidden_state {

/// What one CRC of a state covers; the last one covers what is left.
inline constexpr uint64_t kCrcChunkBytes = uint64_t{1} << 20;

/// The CRC-32C of each chunk: what travels with a state from its producer to whoever reads it.
std::vector<uint32_t> ChunkCrcs(std::span<const std::byte> bytes);

}  // namespace lrti::hidden_state
