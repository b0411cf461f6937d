#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/hidden_state/client/breaker.h"
#include "common/hidden_state/client/endpoint.h"
#include "common/hidden_state/client/lane.h"
#include "common/hidden_state/client/resolver.h"
#include "common/hidden_state/client/signal.h"

namespace lrti::hidden_state::client {

/// What a peer's lanes are for. Leases end with the lane that took them, so that lane does nothing
/// else that could end it.
enum class Purpose : uint8_t { kData, kLease };

/// What an application may want to know of a node.
struct PeerHealth {
  std::string name;
  bool paused = false;       // nobody asks it for a while
  std::string last_error;    // of the last failure so far
  uint64_t failures = 0;     // so far
  uint64_t incarnation = 0;  // that it last had; 0: never reached
  uint64_t restarts = 0;     // how often that changed
};

/// A cache node as its clients in this process see it: lanes to it, and whether it is worth asking.
/// Thread-safe.
class Peer {
 public:
  struct Options {
    Endpoint endpoint;
    std::string token;
    size_t lanes = 4;  // at most, of each job
    Breaker::Pauses pauses;
  };

  /// The others must outlive it; `signal` is raised whenever a lane may be had.
  Peer(Options options, const Clock& clock, Resolver& resolver, Signal& signal);
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// A lane nobody else uses until GiveBack, idle or about to connect; nullptr when all are in use
  /// or the name is being looked up: the signal tells when to try again.
  /// Errors: Unavailable when the node is not worth asking now.
  absl::StatusOr<std::unique_ptr<Lane>> TryTake(uint64_t job, Purpose purpose);

  /// Every lane that was taken comes back, with the end of its exchange: OK only when that is done.
  void GiveBack(std::unique_ptr<Lane> lane, Purpose purpose, const absl::Status& end);

  /// Ends leases that a lease lane took. They have ended already when that lane is gone.
  void Release(uint64_t lane_number, std::vector<wire::LeasedPlace> places);

  /// States that the node has yet to forget. Nothing else is asked of it for the job before.
  struct Debt {
    uint64_t number = 0;
    std::vector<StateKey> keys;  // none: the whole job
  };
  static constexpr size_t kDebtKeysMax = 16 * wire::kKeysMax;  // beyond, it is the whole job
  void Owe(uint64_t job, std::span<const StateKey> keys);
  std::optional<Debt> DebtOf(uint64_t job) const;
  void Pay(uint64_t job, uint64_t number);

  const std::string& name() const { return options_.endpoint.name; }
  PeerHealth Health() const;

 private:
  struct Lanes {
    std::vector<std::unique_ptr<Lane>> idle;
    size_t in_use = 0;
  };
  using LanesName = std::pair<uint64_t, Purpose>;

  absl::Status LeftAlone() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::unique_ptr<Lane> TakeIdle(Lanes& lanes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::unique_ptr<Lane>> Connect(const Address& address, uint64_t job,
                                                Purpose purpose);
  size_t LanesMax(Purpose purpose) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fail(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Succeed(const Lane& lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendReleases(Lane& lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const uint64_t client_;  // this process's name, to the node
  const Clock& clock_;
  Resolver& resolver_;
  Signal& signal_;
  SharedPoolView view_;
  mutable Mutex mutex_;
  Breaker breaker_ ABSL_GUARDED_BY(mutex_);
  std::map<LanesName, Lanes> lanes_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Debt> debts_ ABSL_GUARDED_BY(mutex_);
  uint64_t debt_number_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, std::vector<wire::LeasedPlace>> releases_
      ABSL_GUARDED_BY(mutex_);                          // of lease lanes that are in use
  std::set<uint64_t> leasing_ ABSL_GUARDED_BY(mutex_);  // the numbers of those lanes
  size_t node_lanes_max_ ABSL_GUARDED_BY(mutex_);
  PeerHealth health_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lrti::hidden_state::client
