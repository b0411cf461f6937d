#include "services/worker/agent/agent.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/base/files.h"
#include "common/base/open_file.h"
#include "common/base/status.h"
#include "lrti/v1/worker.pb.h"
#include "services/worker/device/xid.h"

namespace lrti::worker {
namespace {

constexpr absl::Duration kLookPeriod = absl::Seconds(1);
constexpr absl::Duration kTroublePeriod = absl::Seconds(10);  // trying the trainer costs a moment

const char* WordOf(DeviceState state) {
  switch (state) {
    case DeviceState::kFree:
      return "free";
    case DeviceState::kBusy:
    case DeviceState::kFreeing:
      return "busy";
    case DeviceState::kLeaked:
      break;
  }
  return "leaked";
}

AttemptKey KeyOf(const v1::Assignment& assignment) {
  return {assignment.job(), assignment.attempt()};
}

}  // namespace

Agent::Agent(Machine machine, uint64_t incarnation)
    : machine_(std::move(machine)),
      incarnation_(incarnation),
      devices_(machine_.settings.devices),
      preflight_(machine_.spool, machine_.settings.trainer,
                 machine_.settings.spool_free_bytes_min) {}

Agent::~Agent() = default;

absl::Status Agent::Adopt() {
  LRTI_ASSIGN_OR_RETURN(const auto keys, machine_.spool.List());
  for (const AttemptKey& key : keys) {
    auto attempt = Attempt::Adopt(machine_, key, devices_, machine_.clock.Steady());
    if (attempt.ok()) {
      attempts_[key] = *std::move(attempt);
    } else {
      machine_.warn(
          fmt::format("{} is left as it is: {}", Describe(key), Message(attempt.status())));
    }
  }
  return absl::OkStatus();
}

void Agent::Accept(const v1::SyncResponse& response) {
  const absl::Duration now = machine_.clock.Steady();
  answered_ = true;
  listed_.clear();
  for (const v1::Assignment& assignment : response.assignments()) {
    const AttemptKey key = KeyOf(assignment);
    if (!IsJobName(key.job)) {
      machine_.warn(fmt::format("the coordinator named a job '{}'; ignored", key.job));
      continue;
    }
    listed_.insert(key);
    if (const auto known = attempts_.find(key); known != attempts_.end()) {
      known->second->Obey(assignment, now);
    } else if (!draining_ || stop_ranks_) {
      attempts_[key] = Attempt::Begin(machine_, assignment, now);
    }  // else the next agent process begins it
  }
  if (stop_ranks_) StopRanks();
  for (const auto& [key, attempt] : attempts_) {
    if (listed_.contains(key)) continue;
    attempt->End({.text = "the coordinator does not want it any more"}, absl::ZeroDuration(), now);
  }
}

void Agent::Acknowledge(const AttemptKey& key) { acknowledged_.insert(key); }

void Agent::Drain(bool stop_ranks) {
  draining_ = true;
  stop_ranks_ = stop_ranks_ || stop_ranks;
  if (stop_ranks_) StopRanks();
}

void Agent::StopRanks() {
  for (const auto& [key, attempt] : attempts_) {
    attempt->End({.text = "the agent of its machine is being stopped"},
                 machine_.settings.stop_grace, machine_.clock.Steady());
  }
}

bool Agent::Tick() {
  const absl::Duration now = machine_.clock.Steady();
  if (now >= next_look_) {
    next_look_ = now + kLookPeriod;
    TouchAlive();
    LookAtDevices();
    CheckReadiness();
  } else if (devices_.freeing()) {
    LookAtDevices();  // a restart waits for them
  }
  TakeXids();
  for (const auto& [key, attempt] : attempts_) attempt->Tick(ready_, devices_, now);
  ForgetAcknowledged();
  return std::exchange(reported_, Summary()) != reported_;
}

void Agent::TouchAlive() {
  const std::string path = machine_.spool.AlivePath();
  const OpenFile file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid() || ::futimens(file.fd(), nullptr) != 0) {
    machine_.warn(Message(FileError(errno, path, "cannot touch")));
  }
}

void Agent::LookAtDevices() {
  auto devices = machine_.inventory.List();
  if (inventory_ != devices.status() && !devices.ok()) machine_.warn(Message(devices.status()));
  inventory_ = devices.status();
  // A driver that does not answer is no reason to think that the devices are gone.
  devices_.Observe(devices.ok() ? *std::move(devices) : devices_.devices(),
                   machine_.clock.Steady());
}

// Before the ranks are looked at: one that failed because of such a fault must not be judged
// without it.
void Agent::TakeXids() {
  for (const XidEvent& event : machine_.inventory.NewXids()) {
    machine_.warn(fmt::format("the driver reported {} of {}", DescribeXid(event.xid), event.uuid));
    ++xids_[{event.uuid, event.xid}];
    for (const auto& [key, attempt] : attempts_) {
      attempt->NoteXid(event.uuid, event.xid, machine_.clock.Steady());
    }
  }
}

void Agent::CheckReadiness() {
  const absl::Duration now = machine_.clock.Steady();
  if (now < next_check_) return;
  const absl::Status ready = preflight_.Check();
  if (ready != ready_) {
    machine_.warn(ready.ok() ? "ranks can be started again" : Message(ready));
  }
  ready_ = ready;
  next_check_ = now + (ready.ok() ? absl::ZeroDuration() : kTroublePeriod);
}

void Agent::ForgetAcknowledged() {
  if (!answered_) return;
  std::erase_if(attempts_, [this](const auto& entry) {
    const auto& [key, attempt] = entry;
    if (listed_.contains(key) || !attempt->gone() || !acknowledged_.contains(key)) return false;
    const absl::Status forgotten = machine_.spool.Forget(key);
    if (!forgotten.ok()) machine_.warn(Message(forgotten));
    return true;
  });
  std::erase_if(acknowledged_, [this](const auto& key) { return !attempts_.contains(key); });
}

bool Agent::idle() const {
  return std::all_of(attempts_.begin(), attempts_.end(), [](const auto& entry) {
    const auto& ranks = entry.second->ranks();
    return std::all_of(ranks.begin(), ranks.end(),
                       [](const auto& rank) { return !rank->launched() || rank->gone(); });
  });
}

v1::SyncRequest Agent::Report() const {
  v1::SyncRequest request;
  request.set_agent(machine_.settings.name);
  request.set_incarnation(incarnation_);
  request.set_address(machine_.settings.address);
  request.set_version(machine_.settings.version);
  for (const Device& device : devices_.devices()) {
    v1::Device& entry = *request.add_devices();
    entry.set_uuid(device.uuid);
    entry.set_model(device.model);
    entry.set_memory_bytes(device.memory_bytes);
    entry.set_memory_used_bytes(device.memory_used_bytes);
    entry.set_state(WordOf(devices_.StateOf(device.uuid)));
  }
  for (const auto& [key, attempt] : attempts_) {
    attempt->Report(machine_.clock.Steady(), *request.add_attempts());
  }
  request.set_draining(draining_);
  request.set_trouble(Message(ready_.ok() ? inventory_ : ready_));
  return request;
}

std::vector<Shipment> Agent::Shipments() const {
  std::vector<Shipment> shipments;
  for (const auto& [key, attempt] : attempts_) {
    Shipment shipment{.key = key, .ended = attempt->gone()};
    for (const auto& rank : attempt->ranks()) {
      shipment.ranks.push_back({rank->rank(), rank->files().log, rank->files().events});
    }
    shipments.push_back(std::move(shipment));
  }
  return shipments;
}

// What the coordinator should hear of at once when it changes.
std::string Agent::Summary() const {
  std::string summary = draining_ ? "draining" : "";
  summary += Message(ready_);
  const v1::SyncRequest report = Report();
  for (const v1::AttemptReport& attempt : report.attempts()) {
    summary += fmt::format("|{} {} {} {} {}", attempt.job(), attempt.attempt(),
                           attempt.rendezvous(), attempt.gone(), attempt.stall().rank());
    for (const v1::RankReport& rank : attempt.ranks()) {
      summary += fmt::format(" {}{}{}", rank.rank(), rank.state(), rank.has_first_step());
    }
    summary += attempt.has_stall() ? "stalled" : "";
  }
  for (const v1::Device& device : report.devices()) summary += "|" + device.state();
  return summary;
}

}  // namespace lrti::worker
