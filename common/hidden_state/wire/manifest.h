#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/hidden_state/wire/item.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::wire {

/// What stands in Redis for one state: this record, written last, and its bytes in chunks of
/// kRedisChunkBytes under names that hold their version, so that two versions cannot mix.
struct Manifest {
  Item item;
  std::vector<uint32_t> crcs;  // CRC-32C of each kChunkBytes of the state, as on the wire

  bool operator==(const Manifest&) const = default;
};

/// `hs1:{<128 bits of the key>}:m`. The braces keep a state on one slot of a Redis cluster.
std::string ManifestName(const hidden_state::StateKey& key);

/// `hs1:{<128 bits of the key>}:<lineage>.<step>:<index>`, of ChunkCount(bytes, kRedisChunkBytes).
std::string ChunkName(const hidden_state::StateKey& key, const hidden_state::Version& version,
                      uint64_t index);

/// REQUIRES: an item that CheckItem takes, and as many CRCs as it has chunks.
Bytes EncodeManifest(const Manifest& manifest);

/// Reads what stands under ManifestName(key). Errors: DataLoss naming the field; NotFound when it
/// is sound, but of another state whose name is the same.
absl::StatusOr<Manifest> DecodeManifest(ByteView bytes, const hidden_state::StateKey& key);

}  // namespace lrti::wire
