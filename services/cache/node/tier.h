#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/hidden_state/key.h"
#include "common/hidden_state/wire/item.h"

namespace lrti::cache {

/// A state's description, with the CRC-32C of each wire::kChunkBytes of its bytes.
struct TierItem {
  wire::Item item;
  std::vector<uint32_t> crcs;
};

/// Where states go that memory has no room for, and where a node looks for what it does not have.
/// It may lose any of them at any time. Thread-safe; no call waits for the world.
class Tier {
 public:
  virtual ~Tier() = default;

  /// Takes a copy of a state that was evicted while it was fresh. `payload` is there during the
  /// call alone. A tier with no room for it drops it and counts that.
  virtual void Demote(TierItem item, std::span<const std::byte> payload) = 0;

  struct Wanted {
    hidden_state::StateKey key;
    hidden_state::Rule rule;
    std::chrono::steady_clock::time_point deadline;

    /// Called at most once, when a state of the key that the rule accepts was found: where its
    /// item.bytes bytes are to be put. Nothing when the node has no room; then no byte is wanted
    /// (an empty state has room of size 0). CheckItem must hold for the item.
    std::function<std::optional<std::span<std::byte>>(const TierItem&)> room;

    /// Called exactly once, by any thread, at the deadline at the latest; no byte is written after
    /// it. True: all bytes lie in the room and agree with their CRCs. False: there is no such
    /// state.
    std::function<void(absl::StatusOr<bool>)> done;
  };

  /// Looks for a state. `done` is also called when the tier is stopped or full of such requests.
  /// It may be called before Fetch returns.
  virtual void Fetch(Wanted wanted) = 0;

  /// The states of a job are no longer wanted: after this returns none that was demoted before is
  /// found again by this node.
  virtual void Forget(uint64_t job) = 0;

  /// The same for single states.
  virtual void Forget(std::span<const hidden_state::StateKey> keys) = 0;
};

}  // namespace lrti::cache
