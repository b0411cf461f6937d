#include "services/coordinator/api/convert_job.h"

#include <algorithm>

#include "lrti/v1/coordinator.pb.h"
#include "services/coordinator/api/times.h"
#include "services/coordinator/journal/journal.h"
#include "services/coordinator/state/cluster.h"
#include "services/coordinator/state/explain.h"
#include "services/coordinator/state/progress.h"
#include "services/coordinator/state/rules.h"

namespace lrti::coordinator {
namespace {

std::string Text(std::string_view view) { return std::string(view); }

void FillProgress(const Progress& progress, v1::Progress& message) {
  message.set_step(progress.step);
  message.set_iterations(progress.iterations);
  message.set_phase(progress.phase);
  message.set_steps_per_second(progress.steps_per_second);
  message.set_loss(progress.loss);
  message.set_psnr(progress.psnr);
  message.set_checkpoint_step(progress.checkpoint_step);
  message.set_memory_peak_bytes(progress.memory_peak_bytes);
  FillIfThere(progress.last_step, [&] { return message.mutable_last_step(); });
  const absl::Duration eta = Eta(progress);
  if (eta >= absl::ZeroDuration()) coordinator::Fill(eta, *message.mutable_eta());
}

void FillPlacement(const JobRecord& job, const Live& live, v1::Job& message) {
  if (!job.current) return;
  const AttemptLive* const attempt = FindAttempt(live, job.id(), job.attempt);
  for (const RankPlace& place : job.current->ranks) {
    v1::Rank& rank = *message.add_placement();
    rank.set_rank(place.rank);
    rank.set_agent(place.agent);
    rank.set_gpu(place.device);
    if (attempt == nullptr) continue;
    const auto seen = attempt->ranks.find(place.rank);
    if (seen == attempt->ranks.end()) continue;
    const RankReport& report = seen->second.report;
    rank.set_step(report.step);
    rank.set_phase(report.phase);
    coordinator::Fill(report.phase_age, *rank.mutable_phase_age());
    rank.set_memory_bytes(report.memory_bytes);
  }
}

}  // namespace

void Fill(const JobRecord& job, const Live& live, Moment now, v1::Job& message) {
  const Submission& submission = *job.submission;
  message.set_id(job.id());
  message.set_name(submission.name);
  message.set_project(submission.project);
  message.set_queue(submission.queue);
  message.set_user(submission.user);
  message.set_group(submission.group);
  message.mutable_labels()->insert(submission.labels.begin(), submission.labels.end());
  message.set_state(Text(NameOf(job.state)));
  message.set_pending_reason(PendingReasonOf(live, job));
  if (job.end_reason) message.set_end_reason(Text(NameOf(*job.end_reason)));
  message.set_message(job.message);
  message.set_priority(job.priority);
  message.set_gpus(submission.gpus);
  message.set_gpus_min(submission.gpus_min);
  message.set_attempt(job.attempt);
  FillIfThere(job.submitted, [&] { return message.mutable_submitted(); });
  FillIfThere(job.started, [&] { return message.mutable_started(); });
  FillIfThere(job.ended, [&] { return message.mutable_ended(); });
  if (job.state == JobState::kPending && job.not_before > now.steady) {
    Fill(job.not_before_wall, *message.mutable_not_before());
  }
  FillProgress(ProgressOf(live, job), *message.mutable_progress());
  v1::Restarts& restarts = *message.mutable_restarts();
  restarts.set_user(job.restarts.user);
  restarts.set_infra(job.restarts.infra);
  restarts.set_preempt(job.restarts.preempt);
  restarts.set_user_max(submission.user_max);
  restarts.set_infra_max(submission.infra_max);
  message.set_run_dir(submission.run_dir);
  message.set_ranks(job.current ? static_cast<int64_t>(job.current->ranks.size()) : 0);
  FillPlacement(job, live, message);
  message.set_gpu_seconds(GpuSeconds(job, now));
  message.set_version(job.version);
}

void Fill(const AgentRecord& agent, const Book& book, const Live& live, Moment now,
          v1::Agent& message) {
  message.set_id(agent.id);
  message.set_state(Text(agent.state()));
  message.set_message(agent.message);
  message.set_address(agent.address);
  message.set_version(agent.version);
  const auto seen = live.agents.find(agent.id);
  if (seen != live.agents.end()) {
    const AgentLive& now_there = seen->second;
    const absl::Duration silence = now.steady - now_there.last_seen.steady;
    Fill(now.wall - silence, *message.mutable_last_seen());
    if (now_there.draining && agent.mode == AgentMode::kReady) message.set_state("draining");
    if (!now_there.trouble.empty()) message.set_message(now_there.trouble);
  }
  for (size_t i = 0; i < agent.devices.size(); ++i) {
    const DeviceRecord& device = agent.devices[i];
    v1::Gpu& gpu = *message.add_gpus();
    gpu.set_uuid(device.uuid);
    gpu.set_model(device.model);
    gpu.set_memory_bytes(device.memory_bytes);
    const std::string& holder = agent.jobs[i];
    gpu.set_state(WordOf(agent, i, live));
    if (seen != live.agents.end() && i < seen->second.devices.size()) {
      gpu.set_memory_used_bytes(seen->second.devices[i].memory_used_bytes);
    }
    const JobRecord* const job = FindJob(book, holder);
    if (job == nullptr || !job->current) continue;
    gpu.set_job(holder);
    gpu.set_attempt(job->attempt);
    for (const RankPlace& place : job->current->ranks) {
      if (place.agent == agent.id && place.device == device.uuid) gpu.set_rank(place.rank);
    }
  }
}

void Fill(const Explanation& explanation, v1::Explanation& message) {
  message.set_reason(explanation.reason);
  message.set_meaning(explanation.meaning);
  message.set_next_step(explanation.next_step);
  message.mutable_facts()->Add(explanation.facts.begin(), explanation.facts.end());
  message.mutable_nearest()->Add(explanation.nearest.begin(), explanation.nearest.end());
}

void Fill(const Transition& transition, v1::Transition& message) {
  message.set_seq(transition.seq);
  Fill(transition.time, *message.mutable_time());
  message.set_job(transition.job);
  message.set_attempt(transition.attempt);
  message.set_from(transition.from);
  message.set_to(transition.to);
  message.set_reason(transition.reason);
  message.set_message(transition.message);
  message.set_actor(transition.actor);
}

void Fill(const std::string& name, const Rules& rules, const Book& book, const Live& live,
          v1::Queue& message) {
  message.set_name(name);
  message.set_gpus_max(rules.queues.at(name).gpus_max);
  const auto used = book.gpus_used.find(name);
  message.set_gpus_used(used == book.gpus_used.end() ? 0 : used->second);
  for (const auto& [place, id] : book.pending) {
    const JobRecord* const job = FindJob(book, id);
    if (job == nullptr || job->submission->queue != name) continue;
    message.set_pending(message.pending() + 1);
    ++(*message.mutable_pending_by_reason())[PendingReasonOf(live, *job)];
  }
  message.set_running(std::count_if(book.active.begin(), book.active.end(), [&](const auto& id) {
    const JobRecord* const job = FindJob(book, id);
    return job != nullptr && job->submission->queue == name;
  }));
}

}  // namespace lrti::coordinator
