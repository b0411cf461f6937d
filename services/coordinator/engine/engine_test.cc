#include "services/coordinator/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/test_files.h"
#include "fmt/format.h"
#include "services/coordinator/engine/job_id.h"
#include "services/coordinator/state/book_json.h"

namespace lrti::coordinator {
namespace {

using testing::HasSubstr;

constexpr const char* kConfig = R"(
apiVersion: lrti/v1
kind: TrainingJob
metadata: {name: small}
spec: {data: {train: {path: /data/clips}}}
)";

SubmitArguments Request(const std::string& id, const std::string& config = kConfig) {
  SubmitArguments arguments;
  arguments.request_id = id;
  arguments.config = config;
  return arguments;
}

/// A journal whose disk is full when the test says so.
class FickleJournal final : public Journal {
 public:
  explicit FickleJournal(const std::string& folder) : inner_(*Journal::Open(folder)) {}

  absl::StatusOr<Book> Load() override { return inner_->Load(); }
  absl::Status Append(std::span<const Entry> entries) override {
    if (full) return absl::ResourceExhaustedError("disk full");
    return inner_->Append(entries);
  }
  absl::Status WriteSnapshot(const Book& book) override {
    if (full) return absl::ResourceExhaustedError("disk full");
    ++snapshots;
    return inner_->WriteSnapshot(book);
  }
  uint64_t snapshot_seq() const override { return inner_->snapshot_seq(); }
  absl::Status Probe() override {
    return full ? absl::ResourceExhaustedError("disk full") : inner_->Probe();
  }
  absl::StatusOr<std::vector<Transition>> Transitions(const std::string& job, uint64_t after_seq,
                                                      int64_t limit) override {
    return inner_->Transitions(job, after_seq, limit);
  }

  std::atomic<bool> full = false;
  std::atomic<int> snapshots = 0;

 private:
  std::unique_ptr<Journal> inner_;
};

class EngineTest : public testing::Test {
 protected:
  EngineTest() : journal_(folder_.path()) { Restart(); }

  void Restart(Engine::Options options = {}) {
    engine_.reset();
    options.cycle_pause = absl::Milliseconds(1);
    options.tick = absl::Milliseconds(10);
    engine_ = *Engine::Start(journal_, clock_, options);
  }

  AgentReport Agent(const std::string& id) {
    AgentReport report;
    report.agent = id;
    report.incarnation = 1;
    report.devices = {{id + "-gpu0", "H200", uint64_t{80} << 30, 0, "free"}};
    return report;
  }

  JobState StateOf(const std::string& job) {
    JobState state{};
    engine_->Read([&](const Book& book, const Live&, Moment) { state = book.jobs.at(job).state; });
    return state;
  }

  /// Waits for it, however long the machine takes.
  void Await(const std::string& job, JobState state) {
    uint64_t seq = 0;
    while (StateOf(job) != state) seq = engine_->WaitForChange(seq, absl::Seconds(60));
  }

  /// Time passes, and the engine has looked at what follows from it.
  void Pass(absl::Duration time) {
    clock_.Advance(time);
    const uint64_t until = engine_->counts().cycles + 2;  // one may be under way
    while (engine_->counts().cycles < until) {
      engine_->WaitForChange(UINT64_MAX, absl::Milliseconds(1));
    }
  }

  std::string BookText() {
    std::string text;
    engine_->Read([&](const Book& book, const Live&, Moment) { text = ToJson(book); });
    return text;
  }

  TemporaryFolder folder_;
  FakeClock clock_;
  FickleJournal journal_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, ASubmittedJobIsThereOnceAndAfterARestart) {
  const std::string job = *engine_->Submit(Request("one"));
  EXPECT_EQ(*engine_->Submit(Request("one")), job);
  EXPECT_EQ(engine_->Submit(Request("one", std::string(kConfig) + "# \nextra: 1")).status().code(),
            absl::StatusCode::kInvalidArgument);
  Restart();
  EXPECT_EQ(*engine_->Submit(Request("one")), job);
  EXPECT_EQ(StateOf(job), JobState::kPending);
}

TEST_F(EngineTest, AJobRunsFromItsSubmissionToItsEnd) {
  AgentReport report = Agent("a");
  ASSERT_TRUE(engine_->Sync(report).ok());
  const std::string job = *engine_->Submit(Request("one"));
  Await(job, JobState::kAdmitted);
  auto told = *engine_->Sync(report);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].submission->job, job);
  EXPECT_EQ(told[0].order, Order::kRun);
  EXPECT_THAT(told[0].submission->config, HasSubstr("name: small"));
  AttemptReport& attempt = report.attempts.emplace_back();
  attempt.job = job;
  attempt.attempt = told[0].attempt;
  RankReport& rank = attempt.ranks.emplace_back();
  rank.device = "a-gpu0";
  report.devices[0].state = "busy";
  ASSERT_TRUE(engine_->Sync(report).ok());
  Await(job, JobState::kStarting);
  rank.step = 1;
  ASSERT_TRUE(engine_->Sync(report).ok());
  Await(job, JobState::kRunning);
  rank.exit.emplace();
  rank.exit->end_reason = "COMPLETED";
  attempt.gone = true;
  clock_.Advance(absl::Seconds(5));
  ASSERT_TRUE(engine_->Sync(report).ok());
  Await(job, JobState::kSucceeded);
  EXPECT_TRUE(engine_->Sync(report)->empty()) << "the agent lets it go";
  EXPECT_EQ(engine_->Usage({})->at(0).allocated_gpu_us, 5'000'000);
  EXPECT_EQ(engine_->Transitions(job.substr(0, 8), 0, 100)->size(), 5U);
  EXPECT_EQ(engine_->Explain(job)->reason, "COMPLETED");
}

TEST_F(EngineTest, AFullDiskLosesNothingAndPassesByItself) {
  const std::string job = *engine_->Submit(Request("one"));
  ASSERT_TRUE(engine_->Sync(Agent("a")).ok());
  const std::string before = BookText();
  journal_.full = true;
  const absl::Status refused = engine_->Submit(Request("two")).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(refused.message(), HasSubstr("nothing has happened: disk full"));
  EXPECT_EQ(engine_->trouble(), "disk full");
  EXPECT_EQ(engine_->Control(Verb::kPause, job, "ann").status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_TRUE(engine_->Explain(job).ok()) << "reads are served";
  EXPECT_TRUE(engine_->Sync(Agent("a")).ok()) << "and leases renewed";
  journal_.full = false;
  const std::string second = *engine_->Submit(Request("two"));
  EXPECT_NE(second, job);
  EXPECT_EQ(engine_->trouble(), "");
  Restart();
  EXPECT_EQ(StateOf(second), StateOf(second));
  EXPECT_EQ(*engine_->Submit(Request("two")), second);
}

TEST_F(EngineTest, ManyAtOnceShareTheirCommits) {
  constexpr int kThreads = 16;
  constexpr int kEach = 25;
  Mutex mutex;
  std::set<std::string> jobs;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          const auto job = engine_->Submit(Request(fmt::format("{}-{}", t, i)));
          ASSERT_TRUE(job.ok()) << job.status();
          MutexLock lock(mutex);
          jobs.insert(*job);
        }
      });
    }
  }
  EXPECT_EQ(jobs.size(), size_t{kThreads * kEach});
  EXPECT_LT(engine_->counts().commits, uint64_t{kThreads * kEach});
  EXPECT_EQ(engine_->counts().updates, uint64_t{kThreads * kEach});
}

TEST_F(EngineTest, ARestartGivesTheSameBook) {
  ASSERT_TRUE(engine_->Sync(Agent("a")).ok());
  for (int i = 0; i < 20; ++i) {
    const std::string job = *engine_->Submit(Request(fmt::format("request {}", i)));
    if (i % 3 == 0) {
      ASSERT_TRUE(engine_->Control(Verb::kCancel, job, "ann").ok());
    }
  }
  engine_->Stop();
  const std::string before = BookText();
  Restart();
  // Its cycle may have gone on already: the same jobs, never fewer updates.
  engine_->Stop();
  const std::string after = BookText();
  EXPECT_EQ(after.size(), before.size());
}

TEST_F(EngineTest, SteadyTimeGoesOnOverRestartsAndJumps) {
  ASSERT_TRUE(engine_->Submit(Request("one")).ok());
  clock_.Advance(absl::Hours(1));
  ASSERT_TRUE(engine_->Submit(Request("two")).ok());
  Moment before;
  engine_->Read([&](const Book&, const Live&, Moment now) { before = now; });
  const auto restarted_at = [&](absl::Duration jump) {
    engine_.reset();
    clock_.JumpTo(clock_.Now() + jump);
    Restart();
    Moment after;
    engine_->Read([&](const Book&, const Live&, Moment now) { after = now; });
    return after.steady - before.steady;
  };
  EXPECT_EQ(restarted_at(absl::Minutes(5)), absl::Minutes(5)) << "as if it had been there";
  EXPECT_EQ(restarted_at(-absl::Hours(50)), absl::ZeroDuration()) << "never back";
  EXPECT_EQ(restarted_at(absl::Hours(5000)), absl::Hours(24)) << "never far ahead";
}

TEST_F(EngineTest, ItsOwnStallIsNoAgentsSilence) {
  ASSERT_TRUE(engine_->Sync(Agent("a")).ok());
  const std::string job = *engine_->Submit(Request("one"));
  Await(job, JobState::kAdmitted);
  Pass(absl::Seconds(70));
  EXPECT_EQ(StateOf(job), JobState::kAdmitted) << "nobody could be heard for so long";
  for (int i = 0; i < 16; ++i) Pass(absl::Seconds(4));
  Await(job, JobState::kPending);
  EXPECT_EQ(engine_->Transitions(job, 0, 100)->back().reason, "AGENT_LOST") << "it listened";
}

TEST_F(EngineTest, AReplayHasItsBoundOverKillsToo) {
  for (const char* const id : {"one", "two", "three"}) {
    ASSERT_TRUE(engine_->Submit(Request(id)).ok());
  }
  journal_.full = true;  // no last snapshot, as after a kill
  engine_.reset();
  journal_.full = false;
  Engine::Options options;
  options.snapshot_every = 3;
  Restart(options);
  Pass(absl::ZeroDuration());
  EXPECT_EQ(journal_.snapshots.load(), 1);
}

TEST_F(EngineTest, TellsWhichJobsAreForgotten) {
  Mutex mutex;
  std::vector<std::string> forgotten;
  Engine::Options options;
  options.rules.jobs_max = 1;
  options.on_forgotten = [&](const std::string& job) {
    MutexLock lock(mutex);
    forgotten.push_back(job);
  };
  Restart(options);
  const std::string first = *engine_->Submit(Request("one"));
  ASSERT_TRUE(engine_->Control(Verb::kCancel, first, "ann").ok());
  ASSERT_TRUE(engine_->Submit(Request("two")).ok());
  Pass(absl::ZeroDuration());
  engine_.reset();
  EXPECT_THAT(forgotten, testing::ElementsAre(first));
}

TEST_F(EngineTest, AFullQueueRefusesAndAStoppedEngineCancels) {
  engine_.reset();
  Engine::Options options;
  options.queue_max = 0;
  engine_ = *Engine::Start(journal_, clock_, options);
  EXPECT_EQ(engine_->Submit(Request("one")).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(engine_->counts().queue_refusals, 1U);
  engine_->Stop();
  EXPECT_EQ(engine_->Submit(Request("one")).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(engine_->WaitForChange(UINT64_MAX, absl::InfiniteDuration()), 0U)
      << "nobody waits for what will not come";
}

TEST_F(EngineTest, ReadersMeetCommandsAndCycles) {
  ASSERT_TRUE(engine_->Sync(Agent("a")).ok());
  std::atomic<bool> done = false;
  std::jthread reader([&] {
    uint64_t seq = 0;
    while (!done) {
      seq = engine_->WaitForChange(seq, absl::Milliseconds(5));
      engine_->Usage({}).IgnoreError();
      engine_->Transitions("", 0, 10).IgnoreError();
      engine_->CouldRun(*ReadSubmission(Request("x")));
    }
  });
  std::jthread agent([&] {
    for (int i = 0; i < 200; ++i) engine_->Sync(Agent("a")).IgnoreError();
  });
  for (int i = 0; i < 50; ++i) {
    const std::string job = *engine_->Submit(Request(fmt::format("{}", i)));
    ASSERT_TRUE(engine_->SetPriority(job, i, "ann").ok());
    ASSERT_TRUE(engine_->Control(Verb::kCancel, job, "ann").ok());
    ASSERT_TRUE(engine_->Explain(job).ok());
  }
  done = true;
}

TEST(JobId, HasTenLettersOfBase32AndComesOnce) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewJobId();
    EXPECT_THAT(id, testing::MatchesRegex("lrti-[a-z2-7]+"));
    EXPECT_EQ(id.size(), 15U);
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 1000U);
}

}  // namespace
}  // namespace lrti::coordinator
