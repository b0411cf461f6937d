#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/hidden_state/client/exchanges.h"
#include "common/hidden_state/client/peer.h"
#include "common/hidden_state/client/pool_view.h"

namespace lrti::hidden_state::client {

/// States that stay where they lie, in the memory of nodes on this host, until this is destroyed.
/// Nothing is copied and nothing is checked but the version: who reads them asks StillHeld
/// afterwards, since a node that cut this client off, or a connection that broke, ends a lease.
///
/// Not thread-safe. The client that gave it must outlive it.
class LeaseSet {
 public:
  explicit LeaseSet(size_t keys) : answers_(keys), held_(keys) {}
  LeaseSet(LeaseSet&&) = default;
  LeaseSet& operator=(LeaseSet&&) = delete;
  ~LeaseSet();

  /// One for each key, in the order asked; kOk for those that are held.
  const std::vector<Answer>& answers() const { return answers_; }

  // REQUIRE answers()[index].fate == Fate::kOk:

  const wire::Item& item(size_t index) const { return held_[index].placed.item; }
  std::span<const std::byte> bytes(size_t index) const;

  /// Whether what was read of it so far is the state.
  bool StillHeld(size_t index) const;

  /// Reads it all: whether it agrees with its producer's CRCs.
  bool IsSound(size_t index) const;

 private:
  friend class Client;

  struct Held {
    std::shared_ptr<const PoolView> view;
    wire::Placed placed;
  };
  struct Owner {
    std::shared_ptr<Peer> peer;
    uint64_t lane_number = 0;
    std::vector<wire::LeasedPlace> places;
  };

  std::vector<Answer> answers_;
  std::vector<Held> held_;
  std::vector<Owner> owners_;
};

}  // namespace lrti::hidden_state::client
