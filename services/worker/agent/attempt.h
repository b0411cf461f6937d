#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/open_file.h"
#include "services/worker/agent/local_rank.h"
#include "services/worker/agent/machine.h"
#include "services/worker/rank/kill_ladder.h"

namespace lrti::v1 {
class Assignment;
class AttemptReport;
}  // namespace lrti::v1

namespace lrti::worker {

/// The ranks of one attempt on this machine: starts them when all they need is there, ends them
/// together, and says how they are. Not thread-safe; `now` is steady time.
class Attempt {
 public:
  /// What the coordinator has just asked for. An attempt that shall only end is over at once.
  static std::unique_ptr<Attempt> Begin(const Machine& machine, const v1::Assignment& assignment,
                                        absl::Duration now);

  /// What an earlier agent process left in the spool. Nothing is started, and only what that one
  /// was ending is ended, before the coordinator has spoken. Errors: those of the file; DataLoss
  /// when it is damaged.
  static absl::StatusOr<std::unique_ptr<Attempt>> Adopt(const Machine& machine,
                                                        const AttemptKey& key, DeviceTable& devices,
                                                        absl::Duration now);

  ~Attempt();
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  /// What the coordinator says of it now.
  void Obey(const v1::Assignment& assignment, absl::Duration now);

  /// Ends it; the first cause is the one that is reported. A shorter grace than before counts.
  void End(const Cause& cause, absl::Duration grace, absl::Duration now);

  /// The driver reported a fault of a device. Where no rank can go on there, it ends.
  void NoteXid(const std::string& device, uint64_t xid, absl::Duration now);

  /// Looks at everything and takes the next steps. `ready`: whether ranks can be started here.
  void Tick(const absl::Status& ready, DeviceTable& devices, absl::Duration now);

  /// Every process is gone, and no device is on its way back: nothing will change any more.
  bool gone() const { return gone_; }

  const AttemptKey& key() const { return key_; }
  const std::vector<std::unique_ptr<LocalRank>>& ranks() const { return ranks_; }

  void Report(absl::Duration now, v1::AttemptReport& report) const;

 private:
  Attempt(const Machine& machine, const v1::Assignment& assignment, absl::Duration now);

  absl::Status Save() const;
  void Observe(absl::Duration now);
  void CheckLogQuota(absl::Duration now);
  void CheckSiblings(absl::Duration now);
  void CheckStall(absl::Duration now);
  void SendSignals(absl::Duration now);
  void StartRanks(const absl::Status& ready, DeviceTable& devices, absl::Duration now);
  absl::Status OpenRendezvous();
  absl::Status StartRank(LocalRank& rank, absl::Duration now);
  LaunchRecord LaunchOf(const LocalRank& rank) const;
  void EndAll(absl::Duration grace, absl::Duration now);
  void FailUnstarted(const Verdict& verdict);
  void GiveBackDevices(DeviceTable& devices, absl::Duration now);

  const Machine& machine_;
  const AttemptKey key_;
  const std::unique_ptr<v1::Assignment> assignment_;
  std::vector<std::unique_ptr<LocalRank>> ranks_;
  std::vector<bool> holds_device_;  // by place in ranks_
  bool may_start_ = false;          // the coordinator has asked this agent process for it
  OpenFile store_;                  // the rendezvous' socket, until rank 0 has it
  KillLadder ladder_;
  std::optional<Cause> cause_;
  std::optional<StallVerdict> stall_;
  bool gone_ = false;
};

}  // namespace lrti::worker
