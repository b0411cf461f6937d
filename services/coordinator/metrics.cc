#include "services/coordinator/metrics.h"

#include <map>
#include <string>
#include <tuple>

#include "services/coordinator/state/cluster.h"
#include "services/coordinator/state/progress.h"
#include "services/http/families.h"

namespace lrti::coordinator {
namespace {

using Key = std::pair<std::string, std::string>;

std::string Text(std::string_view view) { return std::string(view); }

double Seconds(int64_t microseconds) { return static_cast<double>(microseconds) / 1e6; }

void AddJobs(http::Families& families, const Book& book, const Live& live) {
  std::map<Key, int64_t> by_state, pending;
  std::map<std::string, int64_t> submitted;
  std::map<std::tuple<std::string, std::string, std::string>, int64_t> finished;
  for (const auto& [id, job] : book.jobs) {
    const std::string& queue = job.submission->queue;
    ++by_state[{Text(NameOf(job.state)), queue}];
    ++submitted[queue];
    if (job.state == JobState::kPending) ++pending[{queue, PendingReasonOf(live, job)}];
    if (!lifecycle::IsFinal(job.state)) continue;
    const std::string reason = job.end_reason ? Text(NameOf(*job.end_reason)) : "";
    ++finished[{queue, Text(NameOf(job.state)), reason}];
  }
  auto jobs = families.Gauge("lrti_jobs", "Jobs that are known, by state.");
  for (const auto& [key, count] : by_state) {
    jobs.Add(count, {{"state", key.first}, {"queue", key.second}});
  }
  auto all = families.Gauge("lrti_jobs_known", "Jobs that were submitted and not forgotten.");
  for (const auto& [queue, count] : submitted) all.Add(count, {{"queue", queue}});
  auto ended = families.Gauge("lrti_jobs_finished", "Jobs that ended and are not forgotten.");
  for (const auto& [key, count] : finished) {
    const auto& [queue, result, reason] = key;
    ended.Add(count, {{"queue", queue}, {"result", result}, {"reason", reason}});
  }
  auto waiting = families.Gauge("lrti_queue_pending_jobs", "Jobs that wait, by reason.");
  for (const auto& [key, count] : pending) {
    waiting.Add(count, {{"queue", key.first}, {"reason", key.second}});
  }
}

void AddAgents(http::Families& families, const Book& book, const Live& live) {
  std::map<std::string, int64_t> states;
  std::map<Key, int64_t> gpus;
  for (const auto& [id, agent] : book.agents) {
    ++states[Text(agent.state())];
    for (size_t i = 0; i < agent.devices.size(); ++i) {
      ++gpus[{WordOf(agent, i, live), agent.devices[i].model}];
    }
  }
  auto agents = families.Gauge("lrti_agents", "Agents, by state.");
  for (const auto& [state, count] : states) agents.Add(count, {{"state", state}});
  auto heard = families.Gauge("lrti_agent_last_heartbeat_timestamp_seconds",
                              "When the agent last said something.");
  for (const auto& [id, agent] : live.agents) {
    heard.Add(absl::ToDoubleSeconds(agent.last_seen.wall - absl::UnixEpoch()), {{"host", id}});
  }
  auto devices = families.Gauge("lrti_gpus", "Devices of all agents, by state and model.");
  for (const auto& [key, count] : gpus) {
    devices.Add(count, {{"state", key.first}, {"gpu_model", key.second}});
  }
}

void AddVram(http::Families& families, const Book& book, const Live& live) {
  const auto add = [&](const char* name, const char* help, uint64_t RankReport::*bytes) {
    auto gauge = families.Gauge(name, help);
    for (const std::string& id : book.active) {
      const JobRecord& job = book.jobs.at(id);
      const AttemptLive* const attempt = FindAttempt(live, id, job.attempt);
      if (attempt == nullptr || !job.current) continue;
      for (const auto& [rank, it] : attempt->ranks) {
        gauge.Add(it.report.*bytes,
                  {{"job_id", id},
                   {"rank", std::to_string(rank)},
                   {"gpu_uuid", job.current->ranks[static_cast<size_t>(rank)].device}});
      }
    }
  };
  add("lrti_job_vram_used_bytes", "Most that a rank took in training.", &RankReport::memory_bytes);
  add("lrti_job_vram_peak_bytes", "Most that it took so far.", &RankReport::memory_peak_bytes);
}

void AddRunning(http::Families& families, const Book& book, const Live& live) {
  auto info = families.Gauge("lrti_job_info", "1 for each job that holds GPUs.");
  for (const std::string& id : book.active) {
    const Submission& it = *book.jobs.at(id).submission;
    info.Add(1, {{"job_id", id},
                 {"name", it.name},
                 {"project", it.project},
                 {"queue", it.queue},
                 {"user", it.user}});
  }
  auto ratio = families.Gauge("lrti_job_progress_ratio", "Part of a job's steps that is done.");
  for (const std::string& id : book.active) {
    const Progress progress = ProgressOf(live, book.jobs.at(id));
    if (progress.iterations == 0) continue;
    ratio.Add(static_cast<double>(progress.step) / static_cast<double>(progress.iterations),
              {{"job_id", id}});
  }
  auto steps = families.Counter("lrti_job_steps_total", "Steps that a job has done.");
  for (const std::string& id : book.active) {
    steps.Add(ProgressOf(live, book.jobs.at(id)).step, {{"job_id", id}});
  }
  auto last_step = families.Gauge("lrti_job_last_step_timestamp_seconds", "When it last stepped.");
  for (const std::string& id : book.active) {
    const AttemptLive* const attempt = FindAttempt(live, id, book.jobs.at(id).attempt);
    if (attempt == nullptr || !attempt->last_step) continue;
    last_step.Add(absl::ToDoubleSeconds(attempt->last_step->wall - absl::UnixEpoch()),
                  {{"job_id", id}});
  }
  AddVram(families, book, live);
  auto assignment = families.Gauge("lrti_gpu_assignment_info", "1 for each rank that holds a GPU.");
  for (const std::string& id : book.active) {
    const JobRecord& job = book.jobs.at(id);
    if (!job.current) continue;
    for (const RankPlace& place : job.current->ranks) {
      assignment.Add(1, {{"job_id", id},
                         {"attempt", std::to_string(job.attempt)},
                         {"rank", std::to_string(place.rank)},
                         {"host", place.agent},
                         {"gpu_uuid", place.device}});
    }
  }
}

void AddTally(http::Families& families, const Tally& tally) {
  auto submitted = families.Counter("lrti_jobs_submitted_total", "Jobs that were submitted.");
  for (const auto& [queue, count] : tally.submitted) submitted.Add(count, {{"queue", queue}});
  auto transitions = families.Counter("lrti_job_transitions_total", "Changes of jobs' states.");
  for (const auto& [states, count] : tally.transitions) {
    transitions.Add(count,
                    {{"from", Text(NameOf(states.first))}, {"to", Text(NameOf(states.second))}});
  }
  auto restarts = families.Counter("lrti_job_restarts_total", "Restarts, by the budget that paid.");
  for (const auto& [key, count] : tally.restarts) {
    restarts.Add(count, {{"class", Text(NameOf(key.first))}, {"reason", Text(NameOf(key.second))}});
  }
  auto stalls = families.Counter("lrti_job_stalls_total", "Attempts that stood still.");
  for (const auto& [reason, count] : tally.stalls) {
    stalls.Add(count, {{"verdict", Text(NameOf(reason))}});
  }
  auto preemptions = families.Counter("lrti_preemptions_total", "Attempts that made room.");
  for (const auto& [queue, count] : tally.preemptions) preemptions.Add(count, {{"queue", queue}});
  auto waits = families.Durations("lrti_queue_wait_seconds", "Waiting for GPUs.");
  for (const auto& [queue, times] : tally.waits) waits.Add(times, {{"queue", queue}});
  auto recovery = families.Durations("lrti_recovery_phase_duration_seconds",
                                     "From a failure to the next attempt's first step, by phase.");
  for (const auto& [phase, name] : kRecoveryPhases) {
    recovery.Add(tally.recovery[static_cast<size_t>(phase)], {{"phase", Text(name)}});
  }
  families.Durations("lrti_checkpoint_duration_seconds", "Writing a checkpoint.")
      .Add(tally.checkpoints);
}

void AddUsage(http::Families& families, const Engine& engine) {
  const auto rows = engine.Usage({.by = "project"});
  if (!rows.ok()) return;
  auto allocated = families.Counter("lrti_gpu_allocated_seconds_total", "GPU time of jobs.");
  for (const UsageRow& row : *rows) {
    allocated.Add(Seconds(row.allocated_gpu_us), {{"project", row.key}});
  }
  auto productive = families.Counter("lrti_gpu_productive_seconds_total",
                                     "GPU time of steps that count, of attempts that ended.");
  for (const UsageRow& row : *rows) {
    productive.Add(Seconds(row.productive_gpu_us), {{"project", row.key}});
  }
  auto wasted = families.Counter("lrti_gpu_wasted_seconds_total",
                                 "GPU time without use, of attempts that ended, by cause.");
  for (const UsageRow& row : *rows) {
    for (const auto& [waste, name] : kWasteNames) {
      wasted.Add(Seconds(row.wasted_gpu_us[static_cast<size_t>(waste)]),
                 {{"project", row.key}, {"cause", Text(name)}});
    }
  }
}

void AddEngine(http::Families& families, const Engine& engine) {
  const EngineCounts counts = engine.counts();
  families.Gauge("lrti_coordinator_leader", "1: this process decides.").Add(1);
  families.Counter("lrti_coordinator_journal_commits_total", "Commits of the journal.")
      .Add(counts.commits);
  families.Counter("lrti_coordinator_journal_updates_total", "Facts in those commits.")
      .Add(counts.updates);
  families.Durations("lrti_coordinator_journal_append_duration_seconds", "Time of a commit.")
      .Add(counts.commit_times);
  families.Counter("lrti_coordinator_journal_failures_total", "Commits that failed.")
      .Add(counts.commit_failures);
  families.Counter("lrti_scheduler_cycles_total", "Times the scheduler looked.").Add(counts.cycles);
  families.Durations("lrti_scheduler_cycle_duration_seconds", "Time of such a look.")
      .Add(counts.cycle_times);
  families.Gauge("lrti_scheduler_cycle_last_seconds", "Time of the last one.")
      .Add(counts.cycle_seconds_last);
  families.Gauge("lrti_coordinator_recovery_duration_seconds", "Reading the journal at the start.")
      .Add(counts.load_seconds);
}

class Collector final : public prometheus::Collectable {
 public:
  Collector(const Engine& engine, const rpc::Calls& calls) : engine_(engine), calls_(calls) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    http::Families families;
    AddEngine(families, engine_);
    engine_.Read([&](const Book& book, const Live& live, Moment) {
      AddJobs(families, book, live);
      AddAgents(families, book, live);
      AddRunning(families, book, live);
    });
    AddUsage(families, engine_);
    AddTally(families, engine_.tally());
    auto handled = families.Counter("grpc_server_handled_total", "Calls that ended, by code.");
    for (const auto& [key, count] : calls_.Get()) {
      handled.Add(count, {{"grpc_method", key.first}, {"grpc_code", key.second}});
    }
    return families.Take();
  }

 private:
  const Engine& engine_;
  const rpc::Calls& calls_;
};

}  // namespace

std::shared_ptr<prometheus::Collectable> CoordinatorMetrics(const Engine& engine,
                                                            const rpc::Calls& calls) {
  return std::make_shared<Collector>(engine, calls);
}

}  // namespace lrti::coordinator
