#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/coordinator/state/apply.h"
#include "services/coordinator/state/assignments.h"
#include "services/coordinator/state/control.h"
#include "services/coordinator/state/observe.h"
#include "services/coordinator/state/schedule.h"
#include "services/coordinator/state/submit.h"
#include "services/coordinator/state/tally.h"
#include "services/coordinator/state/tick.h"
#include "services/coordinator/state/transitions.h"

namespace lrti::coordinator {

/// For tests: a rank on a pretended machine.
struct PretendedRank {
  int64_t rank = 0;
  std::string device;
  int64_t step = 0;
  int64_t checkpoint_step = 0;
  std::optional<RankExit> exit;
  std::optional<absl::Time> spawned;
  std::optional<absl::Time> loaded;
};

struct PretendedAttempt {
  Assignment assignment;
  std::map<int64_t, PretendedRank> ranks;
  std::optional<StallReport> stall;
  bool gone() const {
    return std::all_of(ranks.begin(), ranks.end(),
                       [](const auto& rank) { return rank.second.exit.has_value(); });
  }
};

/// For tests: a machine with an agent that does what it is told, at once.
struct PretendedAgent {
  AgentReport self;  // what it says of itself and its devices
  std::map<std::pair<std::string, int64_t>, PretendedAttempt> attempts;
  bool connected = true;
};

/// For tests: a book with a clock, and machines that answer.
class World {
 public:
  Rules rules;
  Book book;
  Live live;
  Moment now{absl::FromUnixSeconds(1'700'000'000), absl::ZeroDuration()};
  std::vector<Entry> journal;
  Tally tally;
  std::function<void(const Entry&)> on_entry = [](const Entry&) {};
  std::function<bool()> dawdles = [] { return false; };  // a rank takes its time to end
  std::map<std::string, PretendedAgent> agents;

  void Take(const Updates& updates) {
    for (const Update& update : updates) {
      journal.push_back({book.seq + 1, now, update});
      Count(journal.back(), book, live, tally);
      Apply(journal.back(), book);
      if (const auto* ended = std::get_if<AttemptEnded>(&update)) live.attempts.erase(ended->job);
      if (const auto* gone = std::get_if<AgentForgotten>(&update)) live.agents.erase(gone->agent);
      on_entry(journal.back());
    }
  }

  absl::Status Try(const absl::StatusOr<Updates>& updates) {
    if (updates.ok()) Take(*updates);
    return updates.status();
  }

  void Pass(absl::Duration time) {
    now.wall += time;
    now.steady += time;
  }

  /// Time passes, and the agents keep their leases.
  void PassTogether(absl::Duration time) {
    for (; time > absl::ZeroDuration(); time -= absl::Seconds(5)) {
      Pass(absl::Seconds(5));
      SyncAll();
    }
  }

  /// Time passes for the rules: what Tick and Schedule decide.
  void Cycle() {
    Take(Tick(book, live, rules, now));
    Plan plan = Schedule(book, live, rules, now);
    Take(plan.updates);
    live.waiting = {plan.waiting.begin(), plan.waiting.end()};
  }

  Submission Asking(int64_t gpus) {
    Submission submission;
    submission.request_id = "request-" + std::to_string(++requests_);
    submission.config = "config";
    submission.config_sha256 = "sha256";
    submission.name = "job";
    submission.project = "project";
    submission.queue = "default";
    submission.gpus = submission.gpus_min = gpus;
    submission.global_batch = gpus;
    submission.iterations = 100;
    submission.infra_max = 3;
    submission.shape = "shape";
    return submission;
  }

  std::string Add(Submission submission) {
    auto submitted = Submit(book, rules, std::move(submission), "job-" + std::to_string(requests_));
    EXPECT_TRUE(submitted.ok()) << submitted.status();
    Take(submitted->updates);
    return submitted->job;
  }

  const JobRecord& Job(const std::string& id) const { return book.jobs.at(id); }
  JobState StateOf(const std::string& id) const { return Job(id).state; }

  PretendedAgent& AddAgent(const std::string& id, int gpus, const std::string& model = "H200",
                           uint64_t memory = uint64_t{80} << 30) {
    PretendedAgent& agent = agents[id];
    agent.self.agent = id;
    agent.self.incarnation = 1;
    for (int i = 0; i < gpus; ++i) {
      agent.self.devices.push_back({id + "-gpu" + std::to_string(i), model, memory, 0, "free"});
    }
    EXPECT_TRUE(Sync(id).ok());
    return agent;
  }

  AgentReport ReportOf(const std::string& id) const {
    const PretendedAgent& agent = agents.at(id);
    AgentReport report = agent.self;
    for (const auto& [key, attempt] : agent.attempts) {
      AttemptReport& said = report.attempts.emplace_back();
      said.job = key.first;
      said.attempt = key.second;
      said.gone = attempt.gone();
      said.stall = attempt.stall;
      for (const auto& [number, rank] : attempt.ranks) {
        RankReport& rank_report = said.ranks.emplace_back();
        rank_report.rank = number;
        rank_report.device = rank.device;
        rank_report.state = rank.exit ? "exited" : "running";
        rank_report.step = rank.step;
        rank_report.checkpoint_step = rank.checkpoint_step;
        rank_report.exit = rank.exit;
        rank_report.spawned = rank.spawned;
        rank_report.loaded = rank.loaded;
        if (rank.loaded && rank.step > 0) rank_report.first_step = *rank.loaded + absl::Seconds(1);
        if (rank.exit) continue;
        for (DeviceReport& device : report.devices) {
          if (device.uuid == rank.device) device.state = "busy";
        }
      }
    }
    return report;
  }

  /// One exchange with the agent: it says all, and does what it hears.
  absl::Status Sync(const std::string& id) {
    if (!agents.at(id).connected) return absl::UnavailableError("not connected");
    const AgentReport report = ReportOf(id);
    if (absl::Status status = Absorb(book, report, now, live); !status.ok()) return status;
    Take(Observe(book, live, rules, report, now));
    Obey(agents.at(id), AssignmentsOf(book, live, rules, id));
    return absl::OkStatus();
  }

  void SyncAll() {
    for (auto& [id, agent] : agents) Sync(id).IgnoreError();  // some are not connected
  }

  /// Cycles and exchanges until nothing changes any more, without time passing.
  void Settled() {
    for (uint64_t seq = book.seq + 1; seq != book.seq;) {
      seq = book.seq;
      Cycle();
      SyncAll();
      SyncAll();
    }
  }

  /// Every rank of the job's attempt, on whichever agent.
  std::vector<PretendedRank*> RanksOf(const std::string& job) {
    std::vector<PretendedRank*> ranks;
    for (auto& [id, agent] : agents) {
      const auto it = agent.attempts.find({job, Job(job).attempt});
      if (it == agent.attempts.end()) continue;
      for (auto& [number, rank] : it->second.ranks) ranks.push_back(&rank);
    }
    return ranks;
  }

  void StepTo(const std::string& job, int64_t step) {
    for (PretendedRank* rank : RanksOf(job)) rank->step = step;
    SyncAll();
  }

  RankExit ExitWith(const std::string& reason) const {
    RankExit exit;
    exit.end_reason = reason;
    exit.code = reason == "COMPLETED" || reason == "STOPPED" ? 0 : 1;
    exit.message = "said " + reason;
    exit.time = now.wall;
    return exit;
  }

  void ExitAll(const std::string& job, const std::string& reason) {
    for (PretendedRank* rank : RanksOf(job)) {
      if (!rank->exit) rank->exit = ExitWith(reason);
    }
  }

  /// Submits, and lets it run to its first step.
  std::string Running(Submission submission) {
    const std::string job = Add(std::move(submission));
    Settled();
    StepTo(job, 1);
    Settled();
    EXPECT_EQ(StateOf(job), JobState::kRunning);
    return job;
  }

 private:
  void Obey(PretendedAgent& agent, const std::vector<Assignment>& assignments) {
    std::map<std::pair<std::string, int64_t>, const Assignment*> told;
    for (const Assignment& one : assignments) told[{one.submission->job, one.attempt}] = &one;
    std::erase_if(agent.attempts, [&](const auto& one) { return !told.contains(one.first); });
    for (const auto& [key, assignment] : told) {
      auto it = agent.attempts.find(key);
      if (it == agent.attempts.end()) {
        it = agent.attempts.emplace(key, PretendedAttempt{*assignment, {}, {}}).first;
        for (const RankPlace& place : assignment->ranks) {
          it->second.ranks[place.rank] = {.rank = place.rank, .device = place.device};
        }
      }
      for (auto& [number, rank] : it->second.ranks) {
        if (rank.exit || assignment->order == Order::kRun || dawdles()) continue;
        rank.exit = ExitWith(assignment->order == Order::kStop ? "STOPPED" : "KILLED");
        if (assignment->order == Order::kKill) rank.exit->signal = 9;
        if (assignment->order == Order::kStop) rank.checkpoint_step = rank.step;
      }
    }
  }

  int requests_ = 0;
};

}  // namespace lrti::coordinator
