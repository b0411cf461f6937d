#include "services/coordinator/api/convert_report.h"

#include "lrti/v1/worker.pb.h"
#include "services/coordinator/api/times.h"

namespace lrti::coordinator {
namespace {

RankExit ExitOf(const v1::Exit& message) {
  RankExit exit;
  exit.code = message.code();
  exit.signal = message.signal();
  exit.end_reason = message.end_reason();
  exit.message = message.message();
  exit.time = TimeOf(message.time());
  exit.last_lines.assign(message.last_lines().begin(), message.last_lines().end());
  return exit;
}

RankReport RankOf(const v1::RankReport& message) {
  RankReport rank;
  rank.rank = message.rank();
  rank.device = message.device();
  rank.state = message.state();
  rank.pid = message.pid();
  rank.step = message.step();
  rank.iterations = message.iterations();
  rank.resumed_from = message.resumed_from();
  rank.phase = message.phase();
  rank.phase_age = DurationOf(message.phase_age());
  rank.heartbeat_age = DurationOf(message.heartbeat_age());
  rank.memory_bytes = message.memory_bytes();
  rank.memory_peak_bytes = message.memory_peak_bytes();
  rank.loss = message.loss();
  rank.psnr = message.psnr();
  rank.steps_per_second = message.steps_per_second();
  rank.checkpoint_step = message.checkpoint_step();
  rank.checkpoint_time = DurationOf(message.checkpoint_time());
  if (message.has_exit()) rank.exit = ExitOf(message.exit());
  if (message.has_spawned()) rank.spawned = TimeOf(message.spawned());
  if (message.has_loaded()) rank.loaded = TimeOf(message.loaded());
  if (message.has_first_step()) rank.first_step = TimeOf(message.first_step());
  return rank;
}

AttemptReport AttemptOf(const v1::AttemptReport& message) {
  AttemptReport attempt;
  attempt.job = message.job();
  attempt.attempt = message.attempt();
  attempt.rendezvous = message.rendezvous();
  attempt.gone = message.gone();
  for (const v1::RankReport& rank : message.ranks()) attempt.ranks.push_back(RankOf(rank));
  if (message.has_stall()) {
    attempt.stall = StallReport{message.stall().rank(), message.stall().verdict()};
  }
  return attempt;
}

v1::Assignment::Order OrderOf(Order order) {
  switch (order) {
    case Order::kRun:
      return v1::Assignment::RUN;
    case Order::kStop:
      return v1::Assignment::STOP;
    case Order::kKill:
      return v1::Assignment::KILL;
  }
  return v1::Assignment::KILL;
}

}  // namespace

AgentReport ReportOf(const v1::SyncRequest& message) {
  AgentReport report;
  report.agent = message.agent();
  report.incarnation = message.incarnation();
  report.address = message.address();
  report.version = message.version();
  report.draining = message.draining();
  report.trouble = message.trouble();
  for (const v1::Device& device : message.devices()) {
    report.devices.push_back({.uuid = device.uuid(),
                              .model = device.model(),
                              .memory_bytes = device.memory_bytes(),
                              .memory_used_bytes = device.memory_used_bytes(),
                              .state = device.state()});
  }
  for (const v1::AttemptReport& attempt : message.attempts()) {
    report.attempts.push_back(AttemptOf(attempt));
  }
  return report;
}

void Fill(const Assignment& assignment, v1::Assignment& message) {
  message.set_job(assignment.submission->job);
  message.set_name(assignment.submission->name);
  message.set_config(assignment.submission->config);
  message.set_run_dir(assignment.submission->run_dir);
  message.set_attempt(assignment.attempt);
  message.set_order(OrderOf(assignment.order));
  Fill(assignment.grace, *message.mutable_grace());
  message.set_world_size(assignment.world_size);
  message.set_rendezvous(assignment.rendezvous);
  message.set_restarts(assignment.restarts);
  for (const RankPlace& place : assignment.ranks) {
    v1::RankPlace& rank = *message.add_ranks();
    rank.set_rank(place.rank);
    rank.set_device(place.device);
  }
}

}  // namespace lrti::coordinator
