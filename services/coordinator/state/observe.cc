#include "services/coordinator/state/observe.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/check.h"
#include "common/base/status.h"
#include "services/coordinator/state/settle.h"
#include "services/coordinator/state/text.h"

namespace lrti::coordinator {
namespace {

constexpr size_t kTextBytesMax = 1024;
constexpr size_t kLastLinesMax = 50;
constexpr size_t kAgentsMax = 10'000;
constexpr double kPeakGrowth = 1.02;  // smaller growth is not worth a write

std::vector<DeviceReport> ByUuid(std::vector<DeviceReport> devices) {
  std::sort(devices.begin(), devices.end(),
            [](const auto& a, const auto& b) { return a.uuid < b.uuid; });
  return devices;
}

/// What a rank says, cut to what is kept.
RankReport Kept(RankReport report) {
  report.phase = CleanLine(report.phase, 64);
  if (!report.exit) return report;
  RankExit& exit = *report.exit;
  exit.message = CleanLine(exit.message, kTextBytesMax);
  exit.end_reason = CleanLine(exit.end_reason, 64);
  if (exit.last_lines.size() > kLastLinesMax) {
    exit.last_lines.erase(exit.last_lines.begin(),
                          exit.last_lines.end() - static_cast<std::ptrdiff_t>(kLastLinesMax));
  }
  for (std::string& line : exit.last_lines) line = CleanLine(line, kTextBytesMax);
  return report;
}

void AbsorbRank(const JobRecord& job, const std::string& agent, const RankReport& report,
                Moment now, AttemptLive& attempt) {
  const auto& places = job.current->ranks;
  if (report.rank < 0 || report.rank >= static_cast<int64_t>(places.size())) return;
  const RankPlace& place = places[static_cast<size_t>(report.rank)];
  if (place.agent != agent || place.device != report.device) return;
  RankLive& rank = attempt.ranks[report.rank];
  const bool had_exited = rank.report.exit.has_value();
  if (had_exited && !report.exit) return;  // a late report
  if (report.exit && !had_exited) rank.ended_on_order = job.current->stopping.has_value();
  rank.report = Kept(report);
  const int64_t step = std::max(report.step, report.resumed_from);
  if (step > attempt.step) {
    attempt.step = step;
    attempt.last_step = now;
  }
}

void AbsorbAttempt(const JobRecord& job, const std::string& agent, const AttemptReport& report,
                   Moment now, AttemptLive& attempt) {
  PartLive& part = attempt.parts[agent];
  part.known = true;
  part.missing_since.reset();
  for (const RankReport& rank : report.ranks) AbsorbRank(job, agent, rank, now, attempt);
  if (report.gone) part.gone = true;
  if (report.stall && !attempt.stall) {
    attempt.stall =
        StallReport{report.stall->rank, CleanLine(report.stall->verdict, kTextBytesMax)};
  }
  if (job.current->ranks.front().agent == agent && !report.rendezvous.empty()) {
    attempt.rendezvous = CleanLine(report.rendezvous, 256);
  }
}

std::set<std::string> JobsOn(const Book& book, const std::string& agent) {
  const auto it = book.agents.find(agent);
  return it == book.agents.end() ? std::set<std::string>() : it->second.active;
}

/// The live attempt of this number; what was known of another one goes.
AttemptLive& LiveAttempt(Live& live, const std::string& job, int64_t number) {
  AttemptLive& attempt = live.attempts[job];
  if (attempt.attempt != number) {
    attempt = AttemptLive();
    attempt.attempt = number;
  }
  return attempt;
}

/// Which other agent has a GPU, by uuid.
std::map<std::string, std::string> OwnersOf(const Book& book, const AgentReport& report) {
  std::set<std::string> asked;
  for (const DeviceReport& device : report.devices) {
    if (device.model != kCpuModel) asked.insert(device.uuid);
  }
  std::map<std::string, std::string> owners;
  for (const auto& [id, agent] : book.agents) {
    if (id == report.agent) continue;
    for (size_t i = 0; i < agent.devices.size(); ++i) {
      const DeviceRecord& device = agent.devices[i];
      // A machine that came back under another name takes its GPUs along.
      if (agent.lost && agent.jobs[i].empty()) continue;
      if (!device.is_cpu() && asked.contains(device.uuid)) owners[device.uuid] = id;
    }
  }
  return owners;
}

/// The agent whose place a new one takes when there are too many: of those that are lost, with
/// nothing that must be remembered of them, the one that has been for longest. nullptr: none is.
const AgentRecord* Forgettable(const Book& book) {
  const AgentRecord* oldest = nullptr;
  for (const auto& [id, agent] : book.agents) {
    const bool plain = agent.active.empty() && agent.faulty.empty();
    if (!agent.lost || agent.mode == AgentMode::kQuarantined || !plain) continue;
    if (oldest == nullptr || agent.since.steady < oldest->since.steady) oldest = &agent;
  }
  return oldest;
}

bool SameDevices(const std::vector<DeviceRecord>& known, const std::vector<DeviceReport>& said) {
  return std::equal(known.begin(), known.end(), said.begin(), said.end(),
                    [](const DeviceRecord& a, const DeviceReport& b) {
                      return a.uuid == b.uuid && a.model == b.model &&
                             a.memory_bytes == b.memory_bytes;
                    });
}

/// What the report says of the agent itself.
class AgentNews {
 public:
  AgentNews(const Book& book, const AgentReport& report)
      : book_(book), report_(report), devices_(ByUuid(report.devices)) {
    const auto it = book.agents.find(report.agent);
    if (it != book.agents.end()) known_ = &it->second;
  }

  Updates Take() {
    const bool same_devices = known_ != nullptr && SameDevices(known_->devices, devices_);
    const bool found = known_ != nullptr && known_->lost;
    if (same_devices && !found && SameAgent()) return {};
    if (known_ == nullptr && book_.agents.size() >= kAgentsMax) {
      updates_.push_back(AgentForgotten{Forgettable(book_)->id});  // Absorb has seen to it
    }
    std::string stolen;
    std::vector<DeviceRecord> owned = Owned(stolen);
    if (known_ == nullptr || !SameAgent() || owned != known_->devices) {
      updates_.push_back(AgentJoined{report_.agent, report_.incarnation,
                                     CleanLine(report_.address, 256),
                                     CleanLine(report_.version, 64), std::move(owned)});
    }
    Mode(found, stolen);
    return std::move(updates_);
  }

 private:
  bool SameAgent() const {
    return known_->incarnation == report_.incarnation &&
           known_->address == CleanLine(report_.address, 256) &&
           known_->version == CleanLine(report_.version, 64);
  }

  std::vector<DeviceRecord> Owned(std::string& stolen) const {
    const std::map<std::string, std::string> owners = OwnersOf(book_, report_);
    std::vector<DeviceRecord> owned;
    for (const DeviceReport& device : devices_) {
      const auto owner = owners.find(device.uuid);
      if (device.model == kCpuModel || owner == owners.end()) {
        owned.push_back({device.uuid, CleanLine(device.model, 128), device.memory_bytes});
      } else {
        stolen = fmt::format("it claims GPU {}, which agent {} has", device.uuid, owner->second);
      }
    }
    return owned;
  }

  void Mode(bool found, const std::string& stolen) {
    const bool quarantined = known_ != nullptr && known_->mode == AgentMode::kQuarantined;
    AgentChanged change{report_.agent, known_ == nullptr ? AgentMode::kReady : known_->mode,
                        false,         known_ == nullptr || found ? "" : known_->message,
                        "coordinator", false};
    if (found && change.mode != AgentMode::kReady) change.message = known_->message;
    if (!stolen.empty() && !quarantined) {
      change.mode = AgentMode::kQuarantined;
      change.message = stolen;
    } else if (!found) {
      return;
    }
    updates_.push_back(std::move(change));
  }

  const Book& book_;
  const AgentReport& report_;
  const std::vector<DeviceReport> devices_;
  const AgentRecord* known_ = nullptr;
  Updates updates_;
};

/// Checkpoints and memory peaks of one of the agent's attempts.
class AttemptNews {
 public:
  AttemptNews(const Book& book, const Rules& rules, const JobRecord& job,
              const AttemptReport& report)
      : book_(book), rules_(rules), job_(job), report_(report) {}

  void Take(const std::string& agent, Updates& updates) const {
    const AgentRecord& record = book_.agents.at(agent);
    int64_t step = job_.current->checkpoint_step;
    CheckpointSeen seen{job_.id(), job_.attempt, step, absl::ZeroDuration()};
    uint64_t peak = 0;
    for (const RankReport& rank : report_.ranks) {
      const RankPlace* place = PlaceOf(rank, agent);
      if (place == nullptr) continue;
      if (rank.checkpoint_step > std::max(seen.step, rank.resumed_from)) {
        seen.step = rank.checkpoint_step;
        seen.time = Micros(std::clamp(rank.checkpoint_time, absl::ZeroDuration(), absl::Hours(24)));
      }
      // What ran on a GPU fits it again: its forecast, with headroom, is no more than the GPU has.
      const auto most = static_cast<uint64_t>(
          static_cast<double>(MemoryOfGpu(record, place->device)) / rules_.forecast_headroom);
      peak = std::max(peak, std::min(rank.memory_peak_bytes, most));
    }
    if (seen.step > step) updates.push_back(std::move(seen));
    Peak(peak, updates);
  }

 private:
  const RankPlace* PlaceOf(const RankReport& rank, const std::string& agent) const {
    const auto& ranks = job_.current->ranks;
    if (rank.rank < 0 || rank.rank >= static_cast<int64_t>(ranks.size())) return nullptr;
    const RankPlace& place = ranks[static_cast<size_t>(rank.rank)];
    return place.agent == agent && place.device == rank.device ? &place : nullptr;
  }

  /// 0 for a CPU slot: its trainers share the machine's memory.
  static uint64_t MemoryOfGpu(const AgentRecord& agent, const std::string& uuid) {
    for (const DeviceRecord& device : agent.devices) {
      if (device.uuid == uuid && !device.is_cpu()) return device.memory_bytes;
    }
    return 0;
  }

  void Peak(uint64_t bytes, Updates& updates) const {
    const std::string shape =
        ShapeWith(*job_.submission, static_cast<int64_t>(job_.current->ranks.size()));
    const auto it = book_.peaks.find(shape);
    const uint64_t known = it == book_.peaks.end() ? 0 : it->second;
    if (static_cast<double>(bytes) > static_cast<double>(known) * kPeakGrowth) {
      updates.push_back(PeakSeen{shape, bytes});
    }
  }

  const Book& book_;
  const Rules& rules_;
  const JobRecord& job_;
  const AttemptReport& report_;
};

const JobRecord* JobOfReport(const Book& book, const AttemptReport& report) {
  const JobRecord* job = FindJob(book, report.job);
  return job != nullptr && job->current && job->attempt == report.attempt ? job : nullptr;
}

}  // namespace

absl::Status Absorb(const Book& book, const AgentReport& report, Moment now, Live& live) {
  LRTI_RETURN_IF_ERROR(CheckReport(report));
  const auto known = book.agents.find(report.agent);
  // An incarnation is a time by its machine's clock: after a step back of that clock the newer
  // process has the smaller one, and is taken once the other is lost.
  if (known != book.agents.end() && !known->second.lost &&
      report.incarnation < known->second.incarnation) {
    return Error(absl::StatusCode::kAborted,
                 "agent {}: incarnation {} was replaced by {}; stop this process, or give one of "
                 "the two machines another name",
                 report.agent, report.incarnation, known->second.incarnation);
  }
  if (known == book.agents.end() && book.agents.size() >= kAgentsMax &&
      Forgettable(book) == nullptr) {
    return Error(
        absl::StatusCode::kResourceExhausted,
        "agent {}: {} agents are known already, and none of them is lost, without jobs and without "
        "a fault that must be remembered",
        report.agent, kAgentsMax);
  }
  AgentLive& agent = live.agents[report.agent];
  agent.last_seen = now;
  agent.draining = report.draining;
  agent.trouble = CleanLine(report.trouble, kTextBytesMax);
  agent.devices.clear();
  for (const DeviceReport& device : ByUuid(report.devices)) {
    agent.devices.push_back({device.uuid, device.memory_used_bytes, CleanLine(device.state, 16)});
  }
  std::set<std::string> missing = JobsOn(book, report.agent);
  for (const AttemptReport& said : report.attempts) {
    const JobRecord* job = JobOfReport(book, said);
    if (job == nullptr || missing.erase(said.job) == 0) continue;
    AbsorbAttempt(*job, report.agent, said, now, LiveAttempt(live, said.job, said.attempt));
  }
  for (const std::string& id : missing) {
    const JobRecord& job = *FindJob(book, id);
    PartLive& part = LiveAttempt(live, id, job.attempt).parts[report.agent];
    if (!part.missing_since) part.missing_since = now.steady;
  }
  return absl::OkStatus();
}

Updates Observe(const Book& book, const Live& live, const Rules& rules, const AgentReport& report,
                Moment now) {
  Updates updates = AgentNews(book, report).Take();
  const std::set<std::string> jobs = JobsOn(book, report.agent);
  for (const AttemptReport& said : report.attempts) {
    const JobRecord* job = JobOfReport(book, said);
    if (job == nullptr || !jobs.contains(said.job)) continue;
    AttemptNews(book, rules, *job, said).Take(report.agent, updates);
  }
  for (const std::string& id : jobs) {
    for (Update& update : Settle(book, live, rules, *FindJob(book, id), now)) {
      updates.push_back(std::move(update));
    }
  }
  return updates;
}

}  // namespace lrti::coordinator
