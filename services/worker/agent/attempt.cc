#include "services/worker/agent/attempt.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "common/base/file_writer.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/lifecycle/end_reason.h"
#include "lrti/v1/worker.pb.h"
#include "services/worker/agent/cause_file.h"
#include "services/worker/agent/proto_time.h"
#include "services/worker/device/xid.h"
#include "services/worker/rank/environment.h"
#include "services/worker/rank/listen_socket.h"

namespace lrti::worker {
namespace {

constexpr uint64_t kAssignmentBytesMax = 16 << 20;

Verdict Internal(const std::string& message) {
  return {.end_reason = std::string(NameOf(lifecycle::EndReason::kInternal)), .message = message};
}

std::vector<int64_t> RankNumbers(const v1::Assignment& assignment) {
  std::vector<int64_t> numbers;
  for (const v1::RankPlace& place : assignment.ranks()) numbers.push_back(place.rank());
  return numbers;
}

absl::StatusOr<v1::Assignment> ReadAssignment(const std::string& path) {
  LRTI_ASSIGN_OR_RETURN(const std::string json, ReadFile(path, kAssignmentBytesMax));
  v1::Assignment assignment;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // of a newer release
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &assignment, options);
  if (!parsed.ok()) return DataLoss("{}: damaged: {}", path, parsed.ToString());
  return assignment;
}

}  // namespace

Attempt::Attempt(const Machine& machine, const v1::Assignment& assignment, absl::Duration now)
    : machine_(machine),
      key_{assignment.job(), assignment.attempt()},
      assignment_(std::make_unique<v1::Assignment>(assignment)) {
  for (const v1::RankPlace& place : assignment.ranks()) {
    const std::string folder = RankFolder(machine.spool.FolderOf(key_), place.rank());
    ranks_.push_back(std::make_unique<LocalRank>(place.rank(), place.device(), folder, now));
  }
  std::sort(ranks_.begin(), ranks_.end(),
            [](const auto& a, const auto& b) { return a->rank() < b->rank(); });
  holds_device_.resize(ranks_.size(), false);
}

Attempt::~Attempt() = default;

std::unique_ptr<Attempt> Attempt::Begin(const Machine& machine, const v1::Assignment& assignment,
                                        absl::Duration now) {
  std::unique_ptr<Attempt> attempt(new Attempt(machine, assignment, now));
  if (assignment.order() != v1::Assignment::RUN) {
    attempt->FailUnstarted({kStopped, "it was never started here"});
    return attempt;
  }
  attempt->may_start_ = true;
  absl::Status made = machine.spool.Make(attempt->key_, RankNumbers(assignment));
  if (made.ok()) {
    made = WriteFileAtomic(ConfigPath(machine.spool.FolderOf(attempt->key_)), assignment.config());
  }
  // Last: with its assignment the attempt is adopted, and must have all that it needs.
  if (made.ok()) made = attempt->Save();
  if (!made.ok()) attempt->FailUnstarted(Internal("the spool: " + Message(made)));
  return attempt;
}

absl::StatusOr<std::unique_ptr<Attempt>> Attempt::Adopt(const Machine& machine,
                                                        const AttemptKey& key, DeviceTable& devices,
                                                        absl::Duration now) {
  const std::string folder = machine.spool.FolderOf(key);
  LRTI_ASSIGN_OR_RETURN(v1::Assignment assignment, ReadAssignment(AssignmentPath(folder)));
  if (AttemptKey{assignment.job(), assignment.attempt()} != key) {
    return DataLoss("{}: is of another attempt", AssignmentPath(folder));
  }
  std::unique_ptr<Attempt> attempt(new Attempt(machine, assignment, now));
  attempt->cause_ = ReadCause(CausePath(folder));
  attempt->Observe(now);
  // Whoever wrote the cause may have died before its last signal.
  if (attempt->cause_) attempt->EndAll(machine.settings.stop_grace, now);
  for (size_t i = 0; i < attempt->ranks_.size(); ++i) {
    const LocalRank& rank = *attempt->ranks_[i];
    if (!rank.launched() || rank.gone()) continue;
    devices.Adopt(rank.device());
    attempt->holds_device_[i] = true;
  }
  return attempt;
}

absl::Status Attempt::Save() const {
  std::string json;
  const auto printed = google::protobuf::util::MessageToJsonString(*assignment_, &json);
  if (!printed.ok()) return InvalidArgument("{}: {}", Describe(key_), printed.ToString());
  return WriteFileAtomic(AssignmentPath(machine_.spool.FolderOf(key_)), json);
}

void Attempt::Obey(const v1::Assignment& assignment, absl::Duration now) {
  switch (assignment.order()) {
    case v1::Assignment::RUN:
      may_start_ = true;
      if (assignment_->rendezvous().empty()) assignment_->set_rendezvous(assignment.rendezvous());
      return;
    case v1::Assignment::STOP:
      return End({.text = "the coordinator asked for it"}, ToDuration(assignment.grace()), now);
    case v1::Assignment::KILL:
      return End({.text = "the coordinator asked for it"}, absl::ZeroDuration(), now);
    default:
      return;  // an order of a newer coordinator
  }
}

void Attempt::End(const Cause& cause, absl::Duration grace, absl::Duration now) {
  if (!cause_) {
    cause_ = cause;
    const absl::Status kept = WriteCause(CausePath(machine_.spool.FolderOf(key_)), cause);
    // Without the file, an agent that restarts in the next seconds reports a kill of unknown
    // origin.
    if (!kept.ok() && !absl::IsNotFound(kept)) machine_.warn(Message(kept));
  }
  EndAll(grace, now);
}

void Attempt::EndAll(absl::Duration grace, absl::Duration now) {
  ladder_.Stop(grace, now);
  FailUnstarted({cause_->end_reason, cause_->text});
}

void Attempt::NoteXid(const std::string& device, uint64_t xid, absl::Duration now) {
  for (size_t i = 0; i < ranks_.size(); ++i) {
    if (!holds_device_[i] || ranks_[i]->device() != device || !ranks_[i]->NoteXid(xid)) continue;
    End({.text = fmt::format("rank {}: the driver reported {} of {}", ranks_[i]->rank(),
                             DescribeXid(xid), device)},
        absl::ZeroDuration(), now);
  }
}

void Attempt::Tick(const absl::Status& ready, DeviceTable& devices, absl::Duration now) {
  Observe(now);
  CheckLogQuota(now);
  CheckSiblings(now);
  if (may_start_ && !cause_) StartRanks(ready, devices, now);
  SendSignals(now);
  CheckStall(now);
  GiveBackDevices(devices, now);
}

void Attempt::Observe(absl::Duration now) {
  for (const auto& rank : ranks_) {
    rank->Observe(machine_.processes, cause_, now, machine_.clock.Now());
  }
}

void Attempt::CheckLogQuota(absl::Duration now) {
  uint64_t bytes = 0;
  for (const auto& rank : ranks_) bytes += rank->LogBytes();
  if (bytes <= machine_.settings.log_bytes_max || cause_) return;
  End({.end_reason = std::string(NameOf(lifecycle::EndReason::kLogQuotaExceeded)),
       .text = fmt::format("wrote {} bytes of log here, {} are allowed (log_mib_max)", bytes,
                           machine_.settings.log_bytes_max)},
      absl::ZeroDuration(), now);
}

void Attempt::CheckSiblings(absl::Duration now) {
  constexpr int64_t kLostAPeer = 75;
  if (cause_) return;
  const auto failed =
      std::find_if(ranks_.begin(), ranks_.end(), [](const auto& rank) { return rank->failed(); });
  if (failed == ranks_.end()) return;
  // Who only lost a peer is not the first to fail: the others may still say what happened.
  const bool lost_a_peer = (*failed)->exit_code() == kLostAPeer;
  End({.text =
           fmt::format("rank {} ended first: {}", (*failed)->rank(), (*failed)->verdict().message)},
      lost_a_peer ? machine_.settings.peer_grace : absl::ZeroDuration(), now);
}

void Attempt::CheckStall(absl::Duration now) {
  stall_.reset();
  if (cause_) return;
  std::vector<WatchedRank> watched;
  for (const auto& rank : ranks_) {
    if (!rank->launched() || rank->exited()) continue;
    watched.push_back({rank->rank(), rank->device(), &rank->pulse()});
  }
  stall_ = FindStall(watched, machine_.settings.name, machine_.settings.stall, now);
}

void Attempt::SendSignals(absl::Duration now) {
  // A rank that has just been started is not there yet: its signal would be lost.
  for (const auto& rank : ranks_) {
    if (rank->launched() && !rank->exited() && !rank->reachable()) return;
  }
  const int signal = ladder_.Due(now);
  if (signal == 0) return;
  for (const auto& rank : ranks_) rank->Signal(machine_.processes, signal);
}

void Attempt::StartRanks(const absl::Status& ready, DeviceTable& devices, absl::Duration now) {
  for (size_t i = 0; i < ranks_.size(); ++i) {
    LocalRank& rank = *ranks_[i];
    if (rank.launched() || rank.exited()) continue;
    if (!ready.ok()) return FailUnstarted(Internal(Message(ready)));
    if (assignment_->rendezvous().empty() && rank.rank() != 0) continue;
    if (!devices.Take(rank.device())) continue;
    holds_device_[i] = true;
    const absl::Status started = StartRank(rank, now);
    if (started.ok()) continue;
    devices.GiveBack(rank.device(), {}, now);
    holds_device_[i] = false;
    rank.Fail(Internal("cannot be started: " + Message(started)), machine_.clock.Now());
  }
}

absl::Status Attempt::StartRank(LocalRank& rank, absl::Duration now) {
  int store = -1;
  if (rank.rank() == 0) {
    LRTI_RETURN_IF_ERROR(OpenRendezvous());
    store = store_.fd();
  }
  LRTI_RETURN_IF_ERROR(
      rank.Launch(machine_.processes, LaunchOf(rank), store, now, machine_.clock.Now()));
  if (rank.rank() == 0) store_ = OpenFile();
  return absl::OkStatus();
}

absl::Status Attempt::OpenRendezvous() {
  LRTI_ASSIGN_OR_RETURN(ListenSocket socket, ListenAt(machine_.settings.address));
  assignment_->set_rendezvous(fmt::format("{}:{}", machine_.settings.address, socket.port));
  LRTI_RETURN_IF_ERROR(Save());
  store_ = std::move(socket.file);
  return absl::OkStatus();
}

LaunchRecord Attempt::LaunchOf(const LocalRank& rank) const {
  const auto place = std::find_if(ranks_.begin(), ranks_.end(),
                                  [&](const auto& other) { return other.get() == &rank; });
  const AgentSettings& settings = machine_.settings;
  const TrainerFacts facts{.job = key_.job,
                           .attempt = key_.attempt,
                           .restarts = assignment_->restarts(),
                           .rank = rank.rank(),
                           .world_size = assignment_->world_size(),
                           .local_rank = place - ranks_.begin(),
                           .local_world_size = static_cast<int64_t>(ranks_.size()),
                           .rendezvous = assignment_->rendezvous(),
                           .gpu = settings.gpus ? rank.device() : "",
                           .cores = settings.cores,
                           .cache_endpoints = {assignment_->cache_endpoints().begin(),
                                               assignment_->cache_endpoints().end()},
                           .cache_token = assignment_->cache_token()};
  return {.command = {settings.trainer, "train", ConfigPath(machine_.spool.FolderOf(key_)),
                      "--run-dir", assignment_->run_dir(), "--continue"},
          .environment = TrainerEnvironment(OwnEnvironment(), facts),
          .alive_path = machine_.spool.AlivePath(),
          .orphan_grace = settings.orphan_grace,
          .stop_grace = settings.stop_grace};
}

void Attempt::FailUnstarted(const Verdict& verdict) {
  for (const auto& rank : ranks_) {
    if (!rank->launched() && !rank->exited()) rank->Fail(verdict, machine_.clock.Now());
  }
}

void Attempt::GiveBackDevices(DeviceTable& devices, absl::Duration now) {
  for (size_t i = 0; i < ranks_.size(); ++i) {
    if (!holds_device_[i] || !ranks_[i]->gone()) continue;
    devices.GiveBack(ranks_[i]->device(), ranks_[i]->Pids(), now);
    holds_device_[i] = false;
  }
  // For good: a later attempt's use of the devices is no concern of this one.
  gone_ = gone_ || std::all_of(ranks_.begin(), ranks_.end(), [&](const auto& rank) {
            return rank->gone() && devices.StateOf(rank->device()) != DeviceState::kFreeing;
          });
}

void Attempt::Report(absl::Duration now, v1::AttemptReport& report) const {
  report.set_job(key_.job);
  report.set_attempt(key_.attempt);
  for (const auto& rank : ranks_) rank->Report(now, *report.add_ranks());
  const auto is_first = [](const auto& rank) { return rank->rank() == 0; };
  if (std::any_of(ranks_.begin(), ranks_.end(), is_first)) {
    report.set_rendezvous(assignment_->rendezvous());
  }
  report.set_gone(gone_);
  if (!stall_) return;
  report.mutable_stall()->set_rank(stall_->rank);
  report.mutable_stall()->set_verdict(stall_->text);
}

}  // namespace lrti::worker
