#include "common/hidden_state/client/lease_set.h"

#include "common/hidden_state/chunks.h"

namespace lrti::hidden_state::client {

LeaseSet::~LeaseSet() {
  for (Owner& owner : owners_) owner.peer->Release(owner.lane_number, std::move(owner.places));
}

std::span<const std::byte> LeaseSet::bytes(size_t index) const {
  return held_[index].view->BytesOf(held_[index].placed);
}

bool LeaseSet::StillHeld(size_t index) const {
  return held_[index].view->IsServed(held_[index].placed);
}

bool LeaseSet::IsSound(size_t index) const {
  return ChunkCrcs(bytes(index)) == held_[index].placed.crcs;
}

}  // namespace lrti::hidden_state::client
