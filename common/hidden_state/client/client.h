#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/hidden_state/client/call.h"
#include "common/hidden_state/client/endpoint.h"
#include "common/hidden_state/client/exchanges.h"
#include "common/hidden_state/client/lease_set.h"
#include "common/hidden_state/client/peer.h"
#include "common/hidden_state/client/rendezvous.h"
#include "common/hidden_state/client/resolver.h"
#include "common/hidden_state/client/signal.h"

namespace lrti::hidden_state::client {

/// States in the nodes of a cache, over shared memory where a node is on this host and over TCP
/// elsewhere. Each state has one node, found by hashing (rendezvous.h); there are no copies.
///
/// Guarantees, each a test:
///  - every call ends by its deadline, plus at most 20 ms, with a fate for each item;
///  - kOk of a get is byte for byte one put of that key, and obeys the rule;
///  - after Forget, no call of this client is given what was there before, also when the node
///    could not be reached: it is made to forget before it is asked anything else;
///  - a node that is gone, stopped or lies costs its own share of the states and no other.
///
/// Thread-safe; calls run in their caller's thread, each with a lane of its own to a node.
class Client {
 public:
  struct Node {
    Endpoint endpoint;
    double weight = 1;
  };
  struct Options {
    std::vector<Node> nodes;
    std::string token;  // of the jobs that it names in keys
    size_t lanes = 4;   // to a node, for each job: how many calls it serves at a time; 1..4
    Breaker::Pauses pauses;
    uint64_t item_bytes_max = uint64_t{256} << 20;  // a larger state is turned down
    size_t jobs_max = 64;
  };
  static constexpr size_t kLanesMax = 4;

  /// Connects to nobody yet. The clock must outlive it.
  /// Errors: InvalidArgument for nodes, a token or lanes that cannot be.
  static absl::StatusOr<std::unique_ptr<Client>> Create(const Options& options, const Clock& clock);

  /// Stores states; one fate each, in order. Of the same key, the last one counts.
  std::vector<Fate> Put(std::span<const Offer> offers, absl::Duration budget);

  /// Fetches states to where `destination` says; one answer each, in order. The bytes of what is
  /// not kOk then are unspecified.
  std::vector<Answer> Get(std::span<const StateKey> keys, const Rule& rule,
                          const Destination& destination, absl::Duration budget);

  /// Leases states of nodes on this host; of others, kRefused.
  LeaseSet Lease(std::span<const StateKey> keys, const Rule& rule, absl::Duration budget);

  /// Forgets states. Errors: Unavailable when a node did not confirm it in time; it still serves
  /// them to other clients then.
  absl::Status Forget(std::span<const StateKey> keys, absl::Duration budget);
  absl::Status ForgetJob(uint64_t job, absl::Duration budget);

  std::vector<PeerHealth> Health() const;

 private:
  Client(const Options& options, const Clock& clock);

  template <typename KeyOf>
  std::vector<Share> SharesOf(size_t count, const KeyOf& key_of);
  bool AdmitJob(uint64_t job);
  absl::Status PayDebts(std::vector<Share> shares, absl::Duration budget);
  void CopyOut(LocateExchange& located, const PoolView* view, const Destination& destination,
               const Deadline& deadline, std::vector<Answer>& answers) const;
  void Keep(const Call::End& end, LeaseSet& leases) const;

  const Options options_;
  const Clock& clock_;
  const Rendezvous rendezvous_;
  Signal signal_;
  Resolver resolver_;
  std::vector<std::shared_ptr<Peer>> peers_;
  Mutex mutex_;
  std::vector<uint64_t> jobs_ ABSL_GUARDED_BY(mutex_);  // named so far
};

}  // namespace lrti::hidden_state::client
