#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "common/hidden_state/client/exchanges.h"
#include "common/hidden_state/client/peer.h"

namespace lrti::hidden_state::client {

/// One node's share of a call.
struct Share {
  std::shared_ptr<Peer> peer;
  uint64_t job = 0;
  std::vector<size_t> items;  // places in the call
};

/// Runs the shares of one call side by side in the caller's thread, until the deadline at the
/// latest. A node that is slow, full of other callers or gone holds up its own share alone.
///
/// What a node has yet to forget is forgotten before it is asked anything.
class Call {
 public:
  /// The exchange that serves a share on this lane; nullptr when nothing is to be asked beyond
  /// forgetting.
  using MakeExchange = std::function<std::unique_ptr<Exchange>(const Lane& lane, const Share&)>;

  /// A share ended. With OK the exchange is done and the lane has been given back; `view` and
  /// `lane_number` are those of the lane.
  struct End {
    const Share& share;
    absl::Status status;
    Exchange* exchange = nullptr;  // nullptr when there was none
    std::shared_ptr<const PoolView> view;
    uint64_t lane_number = 0;
  };
  using OnEnd = std::function<void(const End& end)>;

  Call(std::vector<Share> shares, Purpose purpose, Signal& signal, const Deadline& deadline,
       MakeExchange make, OnEnd on_end);

  void Run();

 private:
  struct Flow {
    Share share;
    std::unique_ptr<Lane> lane;
    std::optional<Peer::Debt> debt;
    std::unique_ptr<Exchange> paying;
    std::unique_ptr<Exchange> exchange;
    bool ended = false;
  };

  void Start(Flow& flow);
  void Advance(Flow& flow, short ready);
  void Finish(Flow& flow, const absl::Status& status);
  void Poll(bool some_wait);

  std::vector<Flow> flows_;
  const Purpose purpose_;
  Signal& signal_;
  const Deadline& deadline_;
  const MakeExchange make_;
  const OnEnd on_end_;
};

}  // namespace lrti::hidden_state::client
