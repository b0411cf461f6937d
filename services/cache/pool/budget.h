#pragma once

#include <cstdint>

namespace lrti::cache {

/// What one state may cost beside its slot.
inline constexpr uint64_t kEntryBytesMax = 256;

/// What one lane may hold in buffers: headers, metas, a drain buffer.
inline constexpr uint64_t kLaneBytesMax = 256 << 10;

/// The program itself.
inline constexpr uint64_t kProgramBytesMax = 64 << 20;

/// What readers on the same host check their copies with: eight bytes for each page of the pool.
constexpr uint64_t DirectoryBytes(uint64_t pool_bytes) { return pool_bytes / 512; }

/// The most resident memory of a node; held to by a test.
constexpr uint64_t ResidentBytesMax(uint64_t pool_bytes, uint64_t entries, uint64_t lanes) {
  return pool_bytes + DirectoryBytes(pool_bytes) + kEntryBytesMax * entries +
         kLaneBytesMax * lanes + kProgramBytesMax;
}

}  // namespace lrti::cache
