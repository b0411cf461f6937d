#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/worker/agent/attempt.h"
#include "services/worker/agent/machine.h"
#include "services/worker/agent/shipper.h"

namespace lrti::v1 {
class SyncRequest;
class SyncResponse;
}  // namespace lrti::v1

namespace lrti::worker {

/// Of a device, by its UUID and the fault's number.
using XidCounts = std::map<std::pair<std::string, uint64_t>, uint64_t>;

/// Brings what runs on this machine to what the coordinator last asked for, again and again. It
/// talks to nobody itself: the answers are handed in, and its report is there to be sent. So it
/// goes on while the coordinator is away. Not thread-safe; time is the machine's clock.
class Agent {
 public:
  /// `incarnation` grows with every start of the agent on this machine.
  Agent(Machine machine, uint64_t incarnation);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  /// Takes over what earlier agent processes left in the spool; only what they were ending is ended
  /// before the first answer of the coordinator. What cannot be read is left where it is, with a
  /// warning.
  /// Errors: those of listing the spool.
  absl::Status Adopt();

  /// The coordinator's answer: all attempts that shall be here. Others are killed and forgotten.
  void Accept(const v1::SyncResponse& response);

  /// The coordinator has all of the attempt's files, or wants none of them.
  void Acknowledge(const AttemptKey& key);

  /// It is being stopped: says so, and takes nothing new. With `stop_ranks`, ends what runs here
  /// after it has saved.
  void Drain(bool stop_ranks);

  /// One round. Whether something happened that the coordinator should know at once.
  bool Tick();

  v1::SyncRequest Report() const;
  std::vector<Shipment> Shipments() const;
  const DeviceTable& devices() const { return devices_; }
  size_t attempts() const { return attempts_.size(); }
  /// How often the driver reported which fault of which device, so far.
  const XidCounts& xids() const { return xids_; }
  /// No process of a rank is left here.
  bool idle() const;

 private:
  void StopRanks();
  void TouchAlive();
  void LookAtDevices();
  void TakeXids();
  void CheckReadiness();
  void ForgetAcknowledged();
  std::string Summary() const;

  const Machine machine_;
  const uint64_t incarnation_;
  DeviceTable devices_;
  Preflight preflight_;
  std::map<AttemptKey, std::unique_ptr<Attempt>> attempts_;
  std::set<AttemptKey> listed_;  // in the last answer
  bool answered_ = false;        // the coordinator has spoken to this agent process
  std::set<AttemptKey> acknowledged_;
  bool draining_ = false;
  bool stop_ranks_ = false;  // of draining
  absl::Status ready_;       // whether ranks can be started here
  absl::Status inventory_;   // whether the devices could be asked
  absl::Duration next_look_ = -absl::InfiniteDuration();
  absl::Duration next_check_ = -absl::InfiniteDuration();
  XidCounts xids_;
  std::string reported_;  // Summary() of the last round
};

}  // namespace lrti::worker
