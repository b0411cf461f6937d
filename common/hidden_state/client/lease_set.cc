#include "common/hidden_state/client/lease_set.h"

#include <algorithm>

#include "common/base/crc32c.h"
#include "common/hidden_state/wire/limits.h"

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
  std::span<const std::byte> rest = bytes(index);
  for (const uint32_t crc : held_[index].placed.crcs) {
    const size_t chunk = std::min<size_t>(rest.size(), wire::kChunkBytes);
    if (Crc32c(rest.first(chunk)) != crc) return false;
    rest = rest.subspan(chunk);
  }
  return true;
}

}  // namespace lrti::hidden_state::client
