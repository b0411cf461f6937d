#include "services/coordinator/state/apply.h"

#include <algorithm>

#include "common/base/check.h"
#include "services/coordinator/state/transitions.h"

namespace lrti::coordinator {
namespace {

/// One entry on its way into the book.
class Application {
 public:
  Application(const Entry& entry, Book& book) : at_(entry.at), seq_(entry.seq), book_(book) {}

  void operator()(const JobSubmitted& fact) {
    const Submission& submission = *fact.submission;
    JobRecord& job = book_.jobs[submission.job];
    LRTI_CHECK(job.submission == nullptr);
    job.submission = fact.submission;
    job.submit_seq = seq_;
    job.hold = submission.hold;
    job.priority = submission.priority;
    job.submitted = at_.wall;
    job.state_since = at_;
    book_.requests[submission.request_id] = submission.job;
    book_.by_submission[seq_] = submission.job;
    Enter(job);
    Touch(job);
  }

  void operator()(const StateChanged& fact) {
    JobRecord& job = Job(fact.job);
    LRTI_CHECK(job.state == fact.from && IsLegal(fact.from, fact.to));
    Leave(job);
    job.state = fact.to;
    job.state_reason = fact.reason;
    job.message = fact.message;
    job.state_since = at_;
    job.ended = lifecycle::IsFinal(fact.to) ? at_.wall : absl::InfinitePast();
    if (lifecycle::IsFinal(fact.from)) job.not_before = absl::ZeroDuration();
    if (lifecycle::IsFinal(fact.from) || fact.from == JobState::kPaused) job.hold = false;
    if (fact.fresh_budgets) FreshBudgets(job);
    if (job.current) ChangeAttempt(fact, *job.current);
    Touch(job);
    Enter(job);
  }

  void operator()(const AttemptStarted& fact) {
    JobRecord& job = Job(fact.job);
    LRTI_CHECK(!job.current && fact.attempt == job.attempt + 1);
    job.attempt = fact.attempt;
    job.current.emplace();
    job.current->ranks = fact.ranks;
    job.current->started = at_;
    if (job.started == absl::InfinitePast()) job.started = at_.wall;
    book_.active.insert(fact.job);
    book_.gpus_used[job.submission->queue] += static_cast<int64_t>(fact.ranks.size());
    for (const RankPlace& place : fact.ranks) Occupy(place, "", fact.job);
    Touch(job);
  }

  void operator()(const AttemptEnded& fact) {
    JobRecord& job = Job(fact.job);
    LRTI_CHECK(job.current && fact.attempt == job.attempt);
    const auto gpus = static_cast<int64_t>(job.current->ranks.size());
    if (fact.cause && fact.cause->reason == EndReason::kGpuXid && fact.cause->rank >= 0) {
      MarkFaulty(job.current->ranks[static_cast<size_t>(fact.cause->rank)]);
    }
    for (const RankPlace& place : job.current->ranks) Occupy(place, fact.job, "");
    book_.gpus_used[job.submission->queue] -= gpus;
    book_.active.erase(fact.job);
    job.current.reset();
    job.end_reason = fact.reason;
    job.end_cause = fact.cause;
    job.progress = fact.progress;
    job.restarts = fact.restarts;
    job.failures_in_row = fact.failures_in_row;
    job.stalled_step = fact.stalled_step;
    job.not_before = at_.steady + fact.backoff;
    job.not_before_wall = at_.wall + fact.backoff;
    job.gpu_microseconds += fact.row.allocated_us * fact.row.gpus;
    book_.ledger.push_back(fact.row);
    Touch(job);
  }

  void operator()(const CauseFound& fact) {
    JobRecord& job = Job(fact.job);
    LRTI_CHECK(job.current && fact.attempt == job.attempt);
    job.current->cause = fact.cause;
    Touch(job);
  }

  void operator()(const PriorityChanged& fact) {
    JobRecord& job = Job(fact.job);
    Leave(job);
    job.priority = fact.priority;
    Touch(job);
    Enter(job);
  }

  void operator()(const HoldReleased& fact) {
    JobRecord& job = Job(fact.job);
    job.hold = false;
    Touch(job);
  }

  void operator()(const BackoffCleared& fact) {
    JobRecord& job = Job(fact.job);
    job.not_before = absl::ZeroDuration();
    job.not_before_wall = absl::UnixEpoch();
    Touch(job);
  }

  void operator()(const CheckpointSeen& fact) {
    JobRecord& job = Job(fact.job);
    LRTI_CHECK(job.current && fact.attempt == job.attempt);
    job.current->checkpoint = at_;
    job.current->checkpoint_step = fact.step;
    job.checkpoint_step = fact.step;
    job.checkpoint_time = fact.time;
    Touch(job);
  }

  void operator()(const PeakSeen& fact) {
    uint64_t& peak = book_.peaks[fact.shape];
    peak = std::max(peak, fact.bytes);
  }

  void operator()(const AgentJoined& fact) {
    AgentRecord& agent = book_.agents[fact.agent];
    if (agent.id.empty()) agent.since = at_;
    agent.id = fact.agent;
    agent.incarnation = fact.incarnation;
    agent.address = fact.address;
    agent.version = fact.version;
    agent.devices = fact.devices;
    agent.jobs.assign(agent.devices.size(), "");
    for (const std::string& active : agent.active) {
      for (const RankPlace& place : Job(active).current->ranks) {
        if (place.agent == fact.agent) Mark(agent, place, "", active);
      }
    }
  }

  void operator()(const AgentChanged& fact) {
    const auto it = book_.agents.find(fact.agent);
    LRTI_CHECK(it != book_.agents.end());
    AgentRecord& agent = it->second;
    agent.mode = fact.mode;
    agent.lost = fact.lost;
    agent.message = fact.message;
    agent.since = at_;
    if (fact.faults_cleared) agent.faulty.clear();
  }

  void operator()(const AgentForgotten& fact) {
    const auto it = book_.agents.find(fact.agent);
    LRTI_CHECK(it != book_.agents.end() && it->second.active.empty());
    book_.agents.erase(it);
  }

  void operator()(const JobForgotten& fact) {
    const JobRecord& job = Job(fact.job);
    LRTI_CHECK(lifecycle::IsFinal(job.state));
    Leave(job);
    book_.requests.erase(job.submission->request_id);
    book_.by_submission.erase(job.submit_seq);
    book_.by_version.erase(job.version);
    book_.jobs.erase(fact.job);
  }

 private:
  JobRecord& Job(const std::string& id) {
    const auto it = book_.jobs.find(id);
    LRTI_CHECK(it != book_.jobs.end());
    return it->second;
  }

  void Touch(JobRecord& job) {
    book_.by_version.erase(job.version);
    job.version = seq_;
    book_.by_version[seq_] = job.id();
  }

  // The indexes by state: out before the state, priority or version changes, in after it.
  void Leave(const JobRecord& job) {
    if (job.state == JobState::kPending) book_.pending.erase({job.priority, job.submit_seq});
    if (lifecycle::IsFinal(job.state)) book_.ended.erase({job.version, job.id()});
    if (Waits(job)) --book_.waiting;
  }
  void Enter(const JobRecord& job) {
    if (job.state == JobState::kPending) {
      book_.pending[{job.priority, job.submit_seq}] = job.id();
    }
    if (lifecycle::IsFinal(job.state)) book_.ended.insert({job.version, job.id()});
    if (Waits(job)) ++book_.waiting;
  }
  static bool Waits(const JobRecord& job) {
    return job.state == JobState::kPending || job.state == JobState::kPaused;
  }

  void ChangeAttempt(const StateChanged& fact, AttemptRecord& attempt) const {
    if (fact.to == JobState::kRunning && !attempt.running) attempt.running = at_;
    if (IsEnding(fact.to) && !attempt.stopping) attempt.stopping = at_;
    if (fact.cause) attempt.cause = fact.cause;
  }

  static void FreshBudgets(JobRecord& job) {
    job.restarts = {};
    job.failures_in_row = 0;
    job.stalled_step = -1;
  }

  void MarkFaulty(const RankPlace& place) {
    const auto it = book_.agents.find(place.agent);
    if (it == book_.agents.end() || it->second.IsFaulty(place.device)) return;
    std::vector<std::string>& faulty = it->second.faulty;
    faulty.insert(std::upper_bound(faulty.begin(), faulty.end(), place.device), place.device);
  }

  /// Marks the device of `place` as `to`'s where it is `from`'s.
  void Occupy(const RankPlace& place, const std::string& from, const std::string& to) {
    const auto it = book_.agents.find(place.agent);
    if (it == book_.agents.end()) return;
    AgentRecord& agent = it->second;
    if (to.empty()) {
      agent.active.erase(from);
    } else {
      agent.active.insert(to);
    }
    Mark(agent, place, from, to);
  }
  static void Mark(AgentRecord& agent, const RankPlace& place, const std::string& from,
                   const std::string& to) {
    for (size_t i = 0; i < agent.devices.size(); ++i) {
      if (agent.devices[i].uuid == place.device && agent.jobs[i] == from) agent.jobs[i] = to;
    }
  }

  const Moment at_;
  const uint64_t seq_;
  Book& book_;
};

}  // namespace

void Apply(const Entry& entry, Book& book) {
  LRTI_CHECK(entry.seq == book.seq + 1);
  std::visit(Application(entry, book), entry.update);
  book.seq = entry.seq;
  book.at = entry.at;
}

}  // namespace lrti::coordinator
