#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "common/base/random.h"
#include "common/base/sanitized.h"
#include "services/coordinator/state/book_json.h"
#include "services/coordinator/state/update_json.h"
#include "services/coordinator/state/world_for_test.h"

namespace lrti::coordinator {
namespace {

constexpr int kAgents = 5;
constexpr uint64_t kWorlds = kSanitized ? 3 : 12;
constexpr int kEvents = 12'000;  // of each

/// Events in random order over several jobs and agents, and what must hold whatever the order.
class RandomWorld {
 public:
  /// What was reached, over all worlds: a test that never gets there proves nothing.
  struct Reached {
    std::set<std::pair<JobState, JobState>> transitions;
    std::set<EndReason> ends;
  };

  RandomWorld(uint64_t seed, Reached& reached) : random_{seed}, reached_(reached) {
    world_.rules.queues = {{"default", {}}, {"small", {3}}};
    world_.rules.jobs_waiting_max = 40;
    world_.rules.jobs_max = 60;
    world_.rules.start_timeout = absl::Seconds(40);
    world_.rules.grow_after = absl::Seconds(5);
    world_.dawdles = [this] { return random_.Below(2) == 0; };
    world_.on_entry = [this](const Entry& entry) { Account(entry); };
    for (int i = 0; i < kAgents; ++i) {
      world_.AddAgent(AgentName(i), 1 + i % 3, i == 4 ? "L4" : "H200");
    }
  }

  void Run() {
    for (int i = 0; i < kEvents && !testing::Test::HasFailure(); ++i) {
      Event();
      if (i % 16 == 0) CheckBook();
      if (i == kEvents / 2) CheckReplay();
    }
    CheckBook();
    CheckReplay();
    CheckThatAllEnds();
    CheckReplay();
  }

 private:
  static std::string AgentName(int64_t i) { return "agent-" + std::to_string(i); }

  PretendedAgent& AnyAgent() { return world_.agents.at(AgentName(random_.Below(kAgents))); }

  /// A job in memory, or a name that is none.
  std::string AnyJob() {
    if (world_.book.jobs.empty() || random_.Below(50) == 0) return "job-none";
    auto it = world_.book.jobs.begin();
    std::advance(it, random_.Below(static_cast<int64_t>(world_.book.jobs.size())));
    return it->first;
  }

  PretendedRank* AnyRank() {
    std::vector<PretendedRank*> ranks;
    for (auto& [id, agent] : world_.agents) {
      for (auto& [key, attempt] : agent.attempts) {
        for (auto& [number, rank] : attempt.ranks) {
          if (!rank.exit) ranks.push_back(&rank);
        }
      }
    }
    if (ranks.empty()) return nullptr;
    return ranks[static_cast<size_t>(random_.Below(static_cast<int64_t>(ranks.size())))];
  }

  void Event() {
    switch (random_.Below(20)) {
      case 0:
        return SubmitOne();
      case 1:
        return Control();
      case 2:
        return Disturb();
      case 3:
        return JumpOfTheWallClock();
      case 4:
      case 5:
      case 6:
        return Work();
      case 7:
      case 8:
      case 9:
        world_.Pass(absl::Milliseconds(random_.Below(1500)));
        return;
      case 10:
      case 11:
      case 12:
        world_.Cycle();
        return;
      default:
        // Unavailable when it is cut off.
        world_.Sync(AnyAgent().self.agent).IgnoreError();
    }
  }

  void SubmitOne() {
    Submission submission = world_.Asking(1 + random_.Below(4));
    submission.global_batch = 12;
    submission.priority = random_.Below(3) * 50;
    submission.gpus_min = 1 + random_.Below(submission.gpus);
    submission.queue = random_.Below(4) == 0 ? "small" : "default";
    if (submission.queue == "small")
      submission.gpus_min = std::min<int64_t>(submission.gpus_min, 3);
    submission.hold = random_.Below(10) == 0;
    submission.user_max = random_.Below(2);
    submission.infra_max = random_.Below(4);
    submission.iterations = 1 + random_.Below(30);
    const auto submitted =
        Submit(world_.book, world_.rules, submission, "job-" + std::to_string(++jobs_));
    if (submitted.ok()) world_.Take(submitted->updates);
  }

  void Control() {
    const std::string job = AnyJob();
    const Book& book = world_.book;
    const JobState before =
        FindJob(book, job) == nullptr ? JobState::kSucceeded : FindJob(book, job)->state;
    absl::Status status;
    switch (random_.Below(6)) {
      case 0:
        status = world_.Try(Pause(book, job, "user"));
        break;
      case 1:
      case 2:
        status = world_.Try(Resume(book, job, "user"));
        break;
      case 3:
        status = world_.Try(Cancel(book, job, "user"));
        break;
      case 4:
        status = world_.Try(Retry(book, job, "user"));
        break;
      default:
        status = world_.Try(SetPriority(book, job, random_.Below(101), "user"));
    }
    if (status.ok() || FindJob(book, job) == nullptr) return;
    EXPECT_EQ(book.jobs.at(job).state, before) << status;
  }

  /// Every eighth job never gets beyond its third step.
  bool Sticks(const std::string& job, const std::vector<PretendedRank*>& ranks) {
    if (ranks.empty() || ranks[0]->step != 3 || !job.ends_with('8')) return false;
    for (auto& [id, agent] : world_.agents) {
      const auto it = agent.attempts.find({job, world_.Job(job).attempt});
      if (it != agent.attempts.end()) it->second.stall = StallReport{0, "stands still"};
    }
    return true;
  }

  void Work() {
    for (const std::string& job : world_.book.active) {
      const std::vector<PretendedRank*> ranks = world_.RanksOf(job);
      if (Sticks(job, ranks)) continue;
      const size_t all = world_.Job(job).current->ranks.size();
      const bool up = ranks.size() == all &&
                      std::none_of(ranks.begin(), ranks.end(), [](const PretendedRank* rank) {
                        return rank->exit.has_value();
                      });
      // Who lost its peer notices at some time.
      if (!up && random_.Below(4) == 0 && ranks.size() == all) world_.ExitAll(job, "NCCL_ERROR");
      if (!up) continue;
      for (PretendedRank* rank : ranks) {
        ++rank->step;
        if (rank->rank == 0 && rank->step % 5 == 0) rank->checkpoint_step = rank->step;
        if (rank->step >= world_.Job(job).submission->iterations) {
          rank->exit = world_.ExitWith("COMPLETED");
        }
      }
    }
  }

  void Disturb() {
    PretendedAgent& agent = AnyAgent();
    switch (random_.Below(10)) {
      case 9:
        world_.live = Live();  // the coordinator restarts
        world_.live.began = world_.now.steady;
        return;
      case 0:
        agent.connected = !agent.connected;
        return;
      case 1:
        ++agent.self.incarnation;  // the agent restarts, its ranks go on
        return;
      case 2:
        ++agent.self.incarnation;  // the machine restarts
        agent.attempts.clear();
        return;
      case 3:
        for (int i = 0; i < 2; ++i) {
          PretendedRank* rank = AnyRank();
          if (rank == nullptr) return;
          const std::array reasons = {"USER_ERROR", "OOM_GPU", "NCCL_ERROR", "GPU_XID",
                                      "NONSENSE",   "STOPPED", "PREEMPTED"};
          rank->exit = world_.ExitWith(random_.Below(3) == 0
                                           ? "NCCL_ERROR"
                                           : reasons[static_cast<size_t>(random_.Below(7))]);
        }
        return;
      case 4:
        for (auto& [key, attempt] : agent.attempts) {
          attempt.stall = StallReport{attempt.ranks.begin()->first, "stands still"};
        }
        return;
      case 5:
        SetMode(agent, AgentMode::kDraining);
        return;
      case 6:
        SetMode(agent, AgentMode::kQuarantined);
        return;
      case 7:
        SetMode(agent, AgentMode::kReady);
        return;
      default:
        Lie(agent);
    }
  }

  void SetMode(const PretendedAgent& agent, AgentMode mode) {
    ASSERT_TRUE(world_.Try(SetAgentMode(world_.book, agent.self.agent, mode, "why", "admin")).ok());
  }

  /// Says something of attempts and GPUs that it was never given, with an old incarnation or a new.
  void Lie(const PretendedAgent& agent) {
    AgentReport report = world_.ReportOf(agent.self.agent);
    AttemptReport& attempt = report.attempts.emplace_back();
    attempt.job = AnyJob();
    attempt.attempt = random_.Below(5);
    attempt.gone = random_.Coin();
    RankReport& rank = attempt.ranks.emplace_back();
    rank.rank = random_.Below(5) - 1;
    rank.exit = world_.ExitWith("COMPLETED");
    if (random_.Coin()) report.devices.push_back({"agent-0-gpu0", "H200", 1, 0, "free"});
    if (random_.Coin()) --report.incarnation;
    if (Absorb(world_.book, report, world_.now, world_.live).ok()) {
      world_.Take(Observe(world_.book, world_.live, world_.rules, report, world_.now));
    }
  }

  void JumpOfTheWallClock() {
    if (random_.Below(20) == 0) world_.now.wall += absl::Hours(random_.Below(100) - 50);
  }

  /// A second bookkeeping, from the updates alone.
  void Account(const Entry& entry) {
    if (const auto* started = std::get_if<AttemptStarted>(&entry.update)) {
      const JobRecord& job = world_.Job(started->job);
      const auto counts = RankCounts(*job.submission);
      const auto ranks = static_cast<int64_t>(started->ranks.size());
      EXPECT_NE(std::find(counts.begin(), counts.end(), ranks), counts.end()) << "a partial gang";
      EXPECT_GT(started->attempt, last_attempt_[started->job]) << "an attempt's number came twice";
      last_attempt_[started->job] = started->attempt;
      begun_[started->job] = {entry.at.steady, ranks};
    } else if (const auto* ended = std::get_if<AttemptEnded>(&entry.update)) {
      const auto [begin, ranks] = begun_.at(ended->job);
      begun_.erase(ended->job);
      reached_.ends.insert(ended->reason);
      gpu_us_ += absl::ToInt64Microseconds(entry.at.steady - begin) * ranks;
    } else if (const auto* change = std::get_if<StateChanged>(&entry.update)) {
      EXPECT_TRUE(!lifecycle::IsFinal(change->from) || change->fresh_budgets)
          << "left a final state without a retry";
      reached_.transitions.insert({change->from, change->to});
    }
  }

  void CheckBook() {
    const Book& book = world_.book;
    std::set<std::pair<std::string, std::string>> taken;
    std::map<std::string, int64_t> gpus_used;
    size_t pending = 0;
    size_t active = 0;
    size_t ended = 0;
    int64_t waiting = 0;
    for (const auto& [id, job] : book.jobs) {
      pending += job.state == JobState::kPending;
      ended += lifecycle::IsFinal(job.state);
      active += lifecycle::HoldsGpus(job.state);
      waiting += job.state == JobState::kPending || job.state == JobState::kPaused;
      ASSERT_EQ(job.current.has_value(), lifecycle::HoldsGpus(job.state)) << id;
      ASSERT_EQ(book.by_version.at(job.version), id);
      if (!job.current) continue;
      gpus_used[job.submission->queue] += static_cast<int64_t>(job.current->ranks.size());
      for (const RankPlace& place : job.current->ranks) {
        ASSERT_TRUE(taken.insert({place.agent, place.device}).second)
            << place.device << " is in two gangs";
      }
    }
    ASSERT_EQ(book.pending.size(), pending);
    ASSERT_EQ(book.active.size(), active);
    ASSERT_EQ(book.ended.size(), ended);
    ASSERT_EQ(book.waiting, waiting);
    ASSERT_EQ(book.by_version.size(), book.jobs.size());
    ASSERT_EQ(book.requests.size(), book.jobs.size());
    ASSERT_LE(gpus_used["small"], 3) << "over its quota";
    for (const auto& [queue, used] : book.gpus_used) ASSERT_EQ(used, gpus_used[queue]) << queue;
    CheckLedger();
  }

  void CheckLedger() {
    int64_t sum = 0;
    for (const LedgerRow& row : world_.book.ledger) {
      int64_t parts = row.split.productive_us;
      ASSERT_GE(row.split.productive_us, 0);
      for (const int64_t wasted : row.split.wasted_us) {
        ASSERT_GE(wasted, 0);
        parts += wasted;
      }
      ASSERT_EQ(parts, row.allocated_us);
      sum += row.allocated_us * row.gpus;
    }
    ASSERT_EQ(sum, gpu_us_);
  }

  /// The journal gives the same book again: from its JSON, and from a snapshot in the middle.
  void CheckReplay() {
    Book replayed;
    std::map<std::string, std::shared_ptr<const Submission>> submissions;
    const size_t middle = world_.journal.size() / 2;
    for (size_t i = 0; i < world_.journal.size(); ++i) {
      const Entry& entry = world_.journal[i];
      auto update = UpdateFromJson(KindOf(entry.update), ToJson(entry.update));
      ASSERT_TRUE(update.ok()) << update.status();
      if (const auto* fact = std::get_if<JobSubmitted>(&*update)) {
        submissions[fact->submission->job] = fact->submission;
      }
      Apply({entry.seq, entry.at, *std::move(update)}, replayed);
      if (i != middle) continue;
      auto restored = BookFromJson(ToJson(replayed),
                                   [&](const std::string& job) { return submissions.at(job); });
      ASSERT_TRUE(restored.ok()) << restored.status();
      replayed = *std::move(restored);
    }
    ASSERT_EQ(ToJson(replayed), ToJson(world_.book));
    ASSERT_EQ(replayed.pending, world_.book.pending);
    ASSERT_EQ(replayed.by_version, world_.book.by_version);
    ASSERT_EQ(replayed.ended, world_.book.ended);
    for (const auto& [id, agent] : world_.book.agents) {
      ASSERT_EQ(replayed.agents.at(id).jobs, agent.jobs);
      ASSERT_EQ(replayed.agents.at(id).active, agent.active);
    }
  }

  /// Once nothing is disturbed any more, every job ends.
  void CheckThatAllEnds() {
    for (auto& [id, agent] : world_.agents) {
      agent.connected = true;
      ++agent.self.incarnation;
      for (auto& [key, attempt] : agent.attempts) attempt.stall.reset();
      SetMode(agent, AgentMode::kReady);
    }
    const auto all_ended = [&] { return world_.book.ended.size() == world_.book.jobs.size(); };
    for (int i = 0; i < 20'000 && !all_ended(); ++i) {
      for (const auto& [id, job] : world_.book.jobs) {
        const bool held = job.state == JobState::kPending && job.hold;
        if (job.state == JobState::kPaused || held) to_resume_.push_back(id);
      }
      for (const std::string& id : to_resume_) {
        ASSERT_TRUE(world_.Try(Resume(world_.book, id, "user")).ok());
      }
      to_resume_.clear();
      world_.SyncAll();
      world_.Cycle();
      Work();
      world_.Pass(absl::Seconds(1));
    }
    for (const auto& [id, job] : world_.book.jobs) {
      ASSERT_TRUE(lifecycle::IsFinal(job.state))
          << id << " is " << lifecycle::NameOf(job.state) << ": " << job.message;
    }
    CheckBook();
  }

  Random random_;
  Reached& reached_;
  World world_;
  int jobs_ = 0;
  std::map<std::string, std::pair<absl::Duration, int64_t>> begun_;
  std::map<std::string, int64_t> last_attempt_;
  int64_t gpu_us_ = 0;
  std::vector<std::string> to_resume_;
};

TEST(BookProperty, HoldsInAnyOrderOfEvents) {
  RandomWorld::Reached reached;
  for (uint64_t seed = 1; seed <= kWorlds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomWorld(seed, reached).Run();
    if (HasFailure()) return;
  }
  if (kSanitized) return;  // few worlds do not meet all that can be met
  size_t legal = 0;
  for (const auto& [from, from_name] : lifecycle::kJobStates) {
    for (const auto& [to, to_name] : lifecycle::kJobStates) legal += IsLegal(from, to);
  }
  EXPECT_GE(reached.transitions.size() + 4, legal) << "all but a few rare ones are met";
  for (const EndReason reason :
       {EndReason::kCompleted, EndReason::kUserError, EndReason::kUserCancelled,
        EndReason::kUserPaused, EndReason::kOomGpu, EndReason::kGpuXid, EndReason::kNodeLost,
        EndReason::kAgentLost, EndReason::kNcclError, EndReason::kStalled, EndReason::kNoProgress,
        EndReason::kPreempted, EndReason::kStartTimeout, EndReason::kInternal}) {
    EXPECT_TRUE(reached.ends.contains(reason)) << lifecycle::NameOf(reason);
  }
}

}  // namespace
}  // namespace lrti::coordinator
