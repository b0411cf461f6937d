#pragma once

#include <cstddef>
#include <cstdint>

#include "common/hidden_state/chunks.h"

namespace lrti::wire {

/// Bounds on what a peer may say. Part of the protocol: both sides hold the other to them.
inline constexpr size_t kHeaderBytes = 64;
inline constexpr uint32_t kMetaBytesMax = 64 << 10;
inline constexpr uint64_t kChunkBytes = hidden_state::kCrcChunkBytes;  // a frame's largest payload
inline constexpr uint64_t kItemBytesMax = uint64_t{1} << 30;
inline constexpr uint32_t kItemsMax = 512;    // of a PUT_BEGIN
inline constexpr uint32_t kKeysMax = 1024;    // of a GET or INVALIDATE; of places in a RELEASE
inline constexpr uint64_t kPageBytes = 4096;  // where a state begins in a node's pool
inline constexpr uint32_t kScalesMax = 8192;
inline constexpr uint32_t kTokenBytesMax = 256;
inline constexpr uint32_t kErrorTextBytesMax = 1024;
inline constexpr uint64_t kDeadlineUsMax = uint64_t{3600} * 1'000'000;

/// What decoding one meta or manifest may take on the heap, whatever it says.
inline constexpr uint64_t kDecodedBytesMax = 256 << 10;

inline constexpr uint64_t kRedisChunkBytes = 2 * kChunkBytes;  // larger values make Redis slow
inline constexpr uint32_t kManifestBytesMax = 64 << 10;

/// How many chunks of `chunk_bytes` hold `bytes`.
constexpr uint64_t ChunkCount(uint64_t bytes, uint64_t chunk_bytes = kChunkBytes) {
  return bytes / chunk_bytes + (bytes % chunk_bytes == 0 ? 0 : 1);
}

}  // namespace lrti::wire
