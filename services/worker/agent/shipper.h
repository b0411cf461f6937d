#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "services/worker/agent/agents_client.h"
#include "services/worker/rank/spool.h"

namespace lrti::worker {

/// The files of an attempt that the coordinator shall have.
struct Shipment {
  struct Rank {
    int64_t rank = 0;
    std::string log;
    std::string events;
  };
  AttemptKey key;
  std::vector<Rank> ranks;
  bool ended = false;  // the files will not grow any more
};

/// Copies logs and events to the coordinator, in pieces, by offsets that the coordinator decides:
/// whatever either side forgets in a restart, no byte is lost or doubled. Not thread-safe.
class Shipper {
 public:
  /// `client` outlives it.
  Shipper(std::string agent, AgentsClient& client) : agent_(std::move(agent)), client_(client) {}

  struct Outcome {
    std::vector<AttemptKey> acknowledged;  // the coordinator has all, or wants nothing
    bool more = false;                     // there is more to send at once
    absl::Status status;                   // of the first call that failed
  };

  /// One round: at most one piece of each file. It ends early when the coordinator is away.
  Outcome Ship(const std::vector<Shipment>& shipments);

  /// Bytes in the files that the coordinator did not have at the last round.
  uint64_t waiting_bytes() const { return waiting_bytes_; }
  /// Bytes that the coordinator took.
  uint64_t shipped_bytes() const { return shipped_bytes_; }

 private:
  struct Progress {
    std::optional<uint64_t> have;  // what the coordinator has; unknown at first
    bool complete = false;         // it has all that will ever be, or wants nothing
  };
  using StreamKey = std::tuple<AttemptKey, int64_t, bool>;  // the last: events

  void ShipAll(const std::vector<Shipment>& shipments, Outcome& outcome);
  absl::Status ShipFile(const Shipment& shipment, int64_t rank, bool events,
                        const std::string& path, Outcome& outcome);
  bool AllComplete(const Shipment& shipment) const;
  void CountWaiting(const std::vector<Shipment>& shipments);
  void Forget(const std::vector<Shipment>& shipments);

  const std::string agent_;
  AgentsClient& client_;
  std::map<StreamKey, Progress> progress_;
  uint64_t waiting_bytes_ = 0;
  uint64_t shipped_bytes_ = 0;
};

}  // namespace lrti::worker
