#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/hidden_state/key.h"

namespace lrti::cache {

/// FREE -> RESERVED -> WRITING -> COMMITTED -> RETIRED -> FREE; RESERVED may go back to FREE, and
/// WRITING when its write fails. A slot is RETIRED while it is no state's any more but still read.
enum class SlotState : uint8_t { kFree, kReserved, kWriting, kCommitted, kRetired };

/// Where a slot is. It means this use of the slot alone: each use has a generation of its own.
struct Place {
  uint32_t extent = 0;
  uint32_t slot = 0;  // in the extent
  uint64_t offset = 0;
  uint64_t generation = 0;

  bool operator==(const Place&) const = default;
};

struct Slot {
  SlotState state = SlotState::kFree;
  bool visited = false;  // since the eviction's hand passed
  bool doomed = false;   // WRITING, but its put is no longer wanted
  uint32_t pins = 0;     // leases
  uint32_t writer = 0;   // session whose put it is, while RESERVED or WRITING
  uint64_t generation = 0;
  uint64_t bytes = 0;  // of the state, at most those of the slot
  hidden_state::StateKey key;
  hidden_state::Version version;
};

/// A pool cut into extents of equal size, each cut into slots of one size class as it is needed. A
/// free extent belongs to nobody, so that no size can keep another out for good.
///
/// A plain value; the offsets are those of a mapping that its owner has.
class Slots {
 public:
  static constexpr uint64_t kPageBytes = 4096;

  /// REQUIRES: extent_bytes is a positive multiple of kPageBytes.
  Slots(uint64_t pool_bytes, uint64_t extent_bytes);

  /// The size of the class that holds `bytes`, whole pages; nothing where an extent is too small.
  std::optional<uint64_t> ClassOf(uint64_t bytes) const;

  /// A free slot of the class, in an extent of the class or a free one; it is RESERVED then and has
  /// a new generation.
  std::optional<Place> Reserve(uint64_t class_bytes);

  /// Gives a slot back, and its extent when that was the last one in use.
  /// REQUIRES: it is not free and nobody reads it.
  void Free(const Place& place);

  Slot& At(const Place& place);
  const Slot& At(const Place& place) const;

  /// The place whose slot begins at `offset`, while its use is that of `generation`.
  std::optional<Place> Find(uint64_t offset, uint64_t generation) const;

  /// Whether the place still means the same use of its slot.
  bool IsCurrent(const Place& place) const;

  struct Extent {
    uint64_t class_bytes = 0;  // 0: free
    uint32_t in_use = 0;       // slots that are not free
    uint32_t free_from = 0;    // no slot before it is free
    std::vector<Slot> slots;
  };
  const std::vector<Extent>& extents() const { return extents_; }

  Place PlaceOf(uint32_t extent, uint32_t slot) const;

  /// How many extents a class has.
  uint64_t ExtentsOf(uint64_t class_bytes) const;

 private:
  std::optional<uint32_t> ExtentWithRoom(uint64_t class_bytes) const;

  uint64_t extent_bytes_;
  uint64_t generation_ = 0;  // of the last reservation; never used twice, whatever the slot
  std::vector<Extent> extents_;
};

}  // namespace lrti::cache
