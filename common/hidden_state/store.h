#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/hidden_state/key.h"

namespace lrti::hidden_state {

enum class Dtype : uint8_t { kFp32, kBf16, kFp16, kInt8 };

constexpr size_t BytesPerElement(Dtype dtype) {
  return dtype == Dtype::kFp32 ? 4 : dtype == Dtype::kInt8 ? 1 : 2;
}

/// A tensor as plain bytes: row-major, little-endian. Immutable once shared.
struct Blob {
  Dtype dtype = Dtype::kFp32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;  // size: product of shape x BytesPerElement(dtype)
  std::vector<float> scales;     // of kInt8, where there are bytes: one for each plane [H, W]
  std::vector<uint32_t> crcs;    // chunks.h, ChunkCrcs(bytes); none: not taken yet
};

/// What became of one item of a Put.
enum class PutStatus {
  kStored,
  kStale,     // a fresher state of the key is already there; it was kept
  kNoSpace,   // the store is full of other states
  kBadShape,  // shape, dtype, size and scales do not agree
};

/// What became of one item of a Get. All but kHit mean: recompute.
enum class GetStatus { kHit, kMiss, kStale, kUnavailable };

struct PutItem {
  StateKey key;
  Version version;
  std::shared_ptr<const Blob> blob;
};

struct GetResult {
  GetStatus status = GetStatus::kMiss;
  Version version;                   // of the stored state, where there is one
  std::shared_ptr<const Blob> blob;  // set exactly for kHit
};

/// Keeps hidden states of long passes until clips have used them.
///
/// Thread-safe. Guarantees, held by store_contract.h over every implementation: a hit is
/// byte-for-byte one put of that key; a hit obeys the reader's rule; an older put never replaces a
/// fresher state of its lineage, while one of another lineage always replaces; after Drop returns,
/// no state of the job is served. Losing a state is always allowed: a reader recomputes.
class Store {
 public:
  virtual ~Store() = default;

  /// Stores each item; one status each, in order.
  [[nodiscard]] virtual std::vector<PutStatus> Put(std::span<const PutItem> items) = 0;

  /// Looks up each key; one result each, in order.
  [[nodiscard]] virtual std::vector<GetResult> Get(std::span<const StateKey> keys,
                                                   const Rule& rule) = 0;

  /// Forgets states that no reader of the job will ask for again.
  virtual void Erase(std::span<const StateKey> keys) = 0;

  /// Forgets all states of a job.
  virtual void Drop(uint64_t job) = 0;

  struct Stats {
    uint64_t entries = 0;
    uint64_t bytes = 0;  // of payload
    uint64_t hits = 0;
    uint64_t misses = 0;
    uint64_t stale = 0;
  };
  virtual Stats GetStats() const = 0;
};

}  // namespace lrti::hidden_state
