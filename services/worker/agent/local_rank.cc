#include "services/worker/agent/local_rank.h"

#include <filesystem>
#include <utility>

#include "common/base/check.h"
#include "lrti/v1/worker.pb.h"
#include "services/worker/agent/proto_time.h"
#include "services/worker/device/xid.h"
#include "services/worker/rank/log_tail.h"

namespace lrti::worker {
namespace {

constexpr size_t kXidsMax = 16;  // one fault often brings many

// When a file was last written; the past when it is not there.
absl::Time WrittenAt(const std::string& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  if (error) return absl::InfinitePast();
  return absl::FromChrono(std::chrono::file_clock::to_sys(time));
}

}  // namespace

LocalRank::LocalRank(int64_t rank, std::string device, const std::string& folder,
                     absl::Duration now)
    : rank_(rank),
      device_(std::move(device)),
      files_(folder),
      launched_(WrittenAt(files_.launch) != absl::InfinitePast()),
      spawned_(WrittenAt(files_.launch)),
      tail_(files_.events),
      pulse_(now) {}

absl::Status LocalRank::Launch(RankProcesses& processes, const LaunchRecord& launch, int store_fd,
                               absl::Duration now, absl::Time wall) {
  LRTI_CHECK(!launched_);
  const absl::Status started = processes.Start(files_.folder, launch, store_fd);
  if (!started.ok()) return started;
  launched_ = true;
  spawned_ = wall;
  pulse_ = RankPulse(now);
  return absl::OkStatus();
}

void LocalRank::Fail(const Verdict& verdict, absl::Time wall) {
  LRTI_CHECK(!launched_);
  verdict_ = verdict;
  exit_.code = 1;
  exit_.time = wall;
  gone_ = true;
}

void LocalRank::Observe(RankProcesses& processes, const std::optional<Cause>& cause,
                        absl::Duration now, absl::Time wall) {
  if (!launched_ || gone_) return;
  sight_ = processes.Look(files_.folder);
  const auto apply = [&](std::string_view line) { events_.Apply(line, now); };
  const bool ended = sight_.exit.has_value() || sight_.gone;
  while (tail_.Poll(apply) && ended) {
  }
  pulse_.Observe(events_, now);
  if (ended && !verdict_) Judge(cause, wall);
  gone_ = sight_.gone;
}

void LocalRank::Judge(const std::optional<Cause>& cause, absl::Time wall) {
  last_lines_ = LastLines(files_.log);
  verdict_ = WithXids(JudgeExit(sight_, events_, cause, last_lines_), device_, xids_);
  exit_ = sight_.exit.value_or(ExitRecord{.signal = 9, .time = wall});
}

bool LocalRank::NoteXid(uint64_t xid) {
  if (!launched_ || exited()) return false;
  if (xids_.size() < kXidsMax) xids_.push_back(xid);
  return KindOfXid(xid) == XidKind::kLost;
}

void LocalRank::Signal(RankProcesses& processes, int signal) {
  if (launched_ && !exited()) processes.Signal(files_.folder, signal);
}

bool LocalRank::failed() const {
  return exited() && verdict_->end_reason != "COMPLETED" && verdict_->end_reason != kStopped;
}

std::vector<int64_t> LocalRank::Pids() const {
  return sight_.pids ? std::vector{sight_.pids->trainer.pid} : std::vector<int64_t>{};
}

uint64_t LocalRank::LogBytes() const {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(files_.log, error);
  return error ? 0 : bytes;
}

void LocalRank::Report(absl::Duration now, v1::RankReport& report) const {
  report.set_rank(rank_);
  report.set_device(device_);
  report.set_state(exited() ? "exited" : events_.started ? "running" : "starting");
  if (sight_.pids) report.set_pid(sight_.pids->trainer.pid);
  report.set_step(events_.step);
  report.set_iterations(events_.iterations);
  report.set_resumed_from(events_.resumed_from);
  report.set_phase(events_.phase);
  if (events_.heartbeat_at) {
    SetDuration(now - events_.phase_since, *report.mutable_phase_age());
    SetDuration(now - *events_.heartbeat_at, *report.mutable_heartbeat_age());
  }
  report.set_memory_bytes(events_.memory_bytes);
  report.set_memory_peak_bytes(events_.memory_peak_bytes);
  report.set_loss(events_.loss);
  report.set_psnr(events_.psnr);
  report.set_steps_per_second(events_.steps_per_second);
  report.set_checkpoint_step(events_.checkpoint_step);
  SetDuration(events_.checkpoint_time, *report.mutable_checkpoint_time());
  if (launched_) SetTime(spawned_, *report.mutable_spawned());
  if (events_.started) SetTime(*events_.started, *report.mutable_loaded());
  if (events_.first_step) SetTime(*events_.first_step, *report.mutable_first_step());
  if (exited()) ReportExit(report);
}

void LocalRank::ReportExit(v1::RankReport& report) const {
  v1::Exit& exit = *report.mutable_exit();
  exit.set_code(exit_.code);
  exit.set_signal(exit_.signal);
  exit.set_end_reason(verdict_->end_reason);
  exit.set_message(verdict_->message);
  SetTime(exit_.time, *exit.mutable_time());
  for (const std::string& line : last_lines_) exit.add_last_lines(line);
}

}  // namespace lrti::worker
