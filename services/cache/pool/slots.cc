#include "services/cache/pool/slots.h"

#include <algorithm>

#include "common/base/check.h"

namespace lrti::cache {

Slots::Slots(uint64_t pool_bytes, uint64_t extent_bytes) : extent_bytes_(extent_bytes) {
  LRTI_CHECK(extent_bytes > 0 && extent_bytes % kPageBytes == 0);
  extents_.resize(pool_bytes / extent_bytes);
}

std::optional<uint64_t> Slots::ClassOf(uint64_t bytes) const {
  if (bytes > extent_bytes_) return std::nullopt;
  return std::max((bytes + kPageBytes - 1) / kPageBytes, uint64_t{1}) * kPageBytes;
}

std::optional<uint32_t> Slots::ExtentWithRoom(uint64_t class_bytes) const {
  std::optional<uint32_t> free;
  for (uint32_t i = 0; i < extents_.size(); ++i) {
    const Extent& extent = extents_[i];
    if (extent.class_bytes == class_bytes && extent.in_use < extent.slots.size()) return i;
    if (extent.class_bytes == 0 && !free) free = i;
  }
  return free;
}

std::optional<Place> Slots::Reserve(uint64_t class_bytes) {
  const std::optional<uint32_t> index = ExtentWithRoom(class_bytes);
  if (!index) return std::nullopt;
  Extent& extent = extents_[*index];
  if (extent.class_bytes == 0) {
    extent.class_bytes = class_bytes;
    extent.slots.resize(extent_bytes_ / class_bytes);
  }
  const auto slot = std::find_if(extent.slots.begin() + extent.free_from, extent.slots.end(),
                                 [](const Slot& it) { return it.state == SlotState::kFree; });
  LRTI_CHECK(slot != extent.slots.end());
  extent.free_from = static_cast<uint32_t>(slot - extent.slots.begin()) + 1;
  *slot = {.state = SlotState::kReserved, .generation = ++generation_};
  ++extent.in_use;
  return PlaceOf(*index, static_cast<uint32_t>(slot - extent.slots.begin()));
}

void Slots::Free(const Place& place) {
  Slot& slot = At(place);
  LRTI_CHECK(slot.state != SlotState::kFree && slot.pins == 0);
  slot = {};
  Extent& extent = extents_[place.extent];
  extent.free_from = std::min(extent.free_from, place.slot);
  if (--extent.in_use == 0) extent = {};
}

Slot& Slots::At(const Place& place) {
  LRTI_CHECK(IsCurrent(place));
  return extents_[place.extent].slots[place.slot];
}

const Slot& Slots::At(const Place& place) const { return const_cast<Slots*>(this)->At(place); }

std::optional<Place> Slots::Find(uint64_t offset, uint64_t generation) const {
  const uint64_t extent = offset / extent_bytes_;
  if (extent >= extents_.size() || extents_[extent].class_bytes == 0) return std::nullopt;
  const uint64_t slot = offset % extent_bytes_ / extents_[extent].class_bytes;
  const Place place{static_cast<uint32_t>(extent), static_cast<uint32_t>(slot), offset, generation};
  if (!IsCurrent(place) || PlaceOf(place.extent, place.slot) != place) return std::nullopt;
  return place;
}

bool Slots::IsCurrent(const Place& place) const {
  return place.extent < extents_.size() && place.slot < extents_[place.extent].slots.size() &&
         extents_[place.extent].slots[place.slot].generation == place.generation &&
         place.generation != 0;
}

Place Slots::PlaceOf(uint32_t extent, uint32_t slot) const {
  const Extent& of = extents_.at(extent);
  return {extent, slot, extent * extent_bytes_ + slot * of.class_bytes,
          of.slots.at(slot).generation};
}

uint64_t Slots::ExtentsOf(uint64_t class_bytes) const {
  return static_cast<uint64_t>(std::ranges::count(extents_, class_bytes, &Extent::class_bytes));
}

}  // namespace lrti::cache
