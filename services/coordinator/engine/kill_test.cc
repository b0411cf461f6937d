#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "common/base/check.h"
#include "common/base/file_writer.h"
#include "common/base/random.h"
#include "common/base/test_files.h"
#include "fmt/format.h"
#include "services/coordinator/engine/engine.h"
#include "services/coordinator/journal/failpoint.h"
#include "services/coordinator/state/transitions.h"

namespace lrti::coordinator {
namespace {

// A process runs an engine, clients and agents over and over on one journal, and is killed at a
// random moment or at a failpoint. What its clients were answered stands in a file; after each
// death the history on the disk is held to it.

constexpr int kClients = 3;
constexpr int kAgents = 3;

int KillPoints() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread
  const char* text = std::getenv("LRTI_KILL_POINTS");
  return text == nullptr ? 120 : std::atoi(text);
}

/// What a client was told, one line each, in one write: a kill loses no line that was finished.
class ClientLog {
 public:
  explicit ClientLog(const std::string& path) : file_(*AppendFile::Open(path)) {}
  void Write(const std::string& line) {
    MutexLock lock(mutex_);
    LRTI_CHECK(file_.Append(line + "\n").ok());
  }

 private:
  Mutex mutex_;
  AppendFile file_;
};

/// A machine with two slots that works through what it is given, one step a report.
class Worker {
 public:
  Worker(int number, uint64_t life) : random_{static_cast<uint64_t>(number), life} {
    report_.agent = fmt::format("agent-{}", number);
    report_.incarnation = life;
    for (int i = 0; i < 2; ++i) {
      report_.devices.push_back({fmt::format("{}-{}", report_.agent, i), "H200", 1, 0, "free"});
    }
  }

  void Exchange(Engine& engine) {
    const auto told = engine.Sync(report_);
    if (!told.ok()) return;  // a full queue or the end; it asks again
    std::vector<AttemptReport> next;
    for (const Assignment& assignment : *told) next.push_back(After(assignment));
    report_.attempts = std::move(next);
  }

 private:
  AttemptReport After(const Assignment& assignment) {
    AttemptReport attempt;
    attempt.job = assignment.submission->job;
    attempt.attempt = assignment.attempt;
    for (const AttemptReport& known : report_.attempts) {
      if (known.job == attempt.job && known.attempt == attempt.attempt) attempt = known;
    }
    if (attempt.ranks.empty()) {
      for (const RankPlace& place : assignment.ranks) {
        RankReport& rank = attempt.ranks.emplace_back();
        rank.rank = place.rank;
        rank.device = place.device;
      }
    }
    attempt.gone = true;
    for (RankReport& rank : attempt.ranks) {
      Step(assignment.order, rank);
      attempt.gone = attempt.gone && rank.exit.has_value();
    }
    return attempt;
  }

  void Step(Order order, RankReport& rank) {
    if (rank.exit) return;
    ++rank.step;
    const char* end = order == Order::kStop    ? "STOPPED"
                      : order == Order::kKill  ? "KILLED"
                      : random_.Below(20) == 0 ? "INTERNAL"
                      : rank.step == 4         ? "COMPLETED"
                                               : nullptr;
    if (end == nullptr) return;
    rank.exit.emplace();
    rank.exit->end_reason = end;
    rank.exit->signal = order == Order::kKill ? SIGKILL : 0;
  }

  Random random_;
  AgentReport report_;
};

class Client {
 public:
  Client(int number, uint64_t life, Engine& engine, ClientLog& log)
      : random_{static_cast<uint64_t>(number), life, 7},
        name_(fmt::format("{}.{}", life, number)),
        engine_(engine),
        log_(log) {}

  /// One request, and its answer into the log.
  void Ask() {
    ++asked_;
    if (jobs_.empty() || random_.Below(3) == 0) return Submit();
    const std::string job =
        jobs_[static_cast<size_t>(random_.Below(static_cast<int64_t>(jobs_.size())))];
    const auto verb = static_cast<Verb>(random_.Below(4));
    const std::string actor = fmt::format("{}.{}", name_, asked_);
    if (engine_.Control(verb, job, actor).ok()) {
      log_.Write(fmt::format("control {} {} {}", job, static_cast<int>(verb), VisibleSeq()));
    }
  }

 private:
  void Submit() {
    SubmitArguments arguments;
    // Some requests come twice, as from a client that lost its answer.
    const int number = random_.Below(4) == 0 ? asked_ - 1 : asked_;
    arguments.request_id = fmt::format("{}.{}", name_, number);
    arguments.config = fmt::format(
        "{{apiVersion: lrti/v1, kind: TrainingJob, metadata: {{name: job}}, spec: {{data: {{train: "
        "{{path: /data}}}}, train: {{global_batch: 2}}, resources: {{gpus: {}}}}}}}",
        1 + number % 2);
    const auto job = engine_.Submit(arguments);
    if (!job.ok()) return;
    log_.Write(fmt::format("submit {} {} {}", arguments.request_id, *job, VisibleSeq()));
    jobs_.push_back(*job);
  }

  uint64_t VisibleSeq() {
    uint64_t seq = 0;
    engine_.Read([&](const Book& book, const Live&, Moment) { seq = book.seq; });
    return seq;
  }

  Random random_;
  const std::string name_;
  Engine& engine_;
  ClientLog& log_;
  int asked_ = 0;
  std::vector<std::string> jobs_;
};

/// How a life ends: by an alarm some time after its begin or after the engine runs, or at a
/// failpoint.
struct Death {
  int64_t after_us = 0;
  bool from_the_begin = false;
  std::string failpoint;
};

/// SIGALRM ends the process, as abruptly as SIGKILL.
void DieAfter(int64_t micros) {
  struct itimerval timer {};
  timer.it_value.tv_sec = micros / 1'000'000;
  timer.it_value.tv_usec = micros % 1'000'000;
  LRTI_CHECK(::setitimer(ITIMER_REAL, &timer, nullptr) == 0);
}

Death RandomDeath(Random& random) {
  constexpr std::array kPoints = {"before_append",   "in_append",   "after_append",  "before_reply",
                                  "before_snapshot", "in_snapshot", "after_snapshot"};
  Death death;
  death.after_us = 1'000 + random.Below(20'000);
  death.from_the_begin = random.Below(8) == 0;
  if (random.Below(3) == 0) return death;
  const auto point = static_cast<size_t>(random.Below(kPoints.size()));
  const int64_t call = 1 + random.Below(point < 4 ? 4 : 1);
  death.failpoint = fmt::format("{}:{}:kill", kPoints[point], call);
  death.after_us += 200'000;  // should the point not be reached
  return death;
}

/// Runs until it dies.
void Live(const TemporaryFolder& folder, uint64_t life, const Death& death) {
  if (death.from_the_begin) DieAfter(death.after_us);
  SetFailpoint(death.failpoint);
  const auto journal = Journal::Open(folder / "state");
  LRTI_CHECK(journal.ok());
  const SystemClock clock;
  Engine::Options options;
  options.snapshot_every = 20;
  options.tick = absl::Milliseconds(5);
  options.cycle_pause = absl::Milliseconds(1);
  options.rules.missing_grace = absl::ZeroDuration();
  options.rules.backoff_first = absl::Milliseconds(1);
  options.rules.jobs_max = 200;
  const auto engine = Engine::Start(**journal, clock, options);
  LRTI_CHECK(engine.ok());
  if (!death.from_the_begin) DieAfter(death.after_us);
  ClientLog log(folder / "clients");
  std::vector<std::jthread> threads;
  for (int i = 0; i < kAgents; ++i) {
    threads.emplace_back([&, i] {
      for (Worker worker(i, life);;) worker.Exchange(**engine);
    });
  }
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([&, i] {
      for (Client client(i, life, **engine, log);;) client.Ask();
    });
  }
}

/// What is on the disk, held to what clients were told and to what was there before.
class HistoryChecker {
 public:
  explicit HistoryChecker(const TemporaryFolder& folder) : folder_(folder) {}

  void CheckAfterDeath() {
    const auto journal = Journal::Open(folder_ / "state");
    ASSERT_TRUE(journal.ok()) << journal.status();
    const auto book = (*journal)->Load();
    ASSERT_TRUE(book.ok()) << book.status();
    ASSERT_GE(book->seq, seq_) << "updates were lost";
    seq_ = book->seq;
    ReadTransitions(**journal, transitions_.empty() ? 0 : transitions_.back().seq, transitions_);
    CheckTransitions(*book);
    CheckAnswers(*book);
    CheckBook(*book);
  }

  /// All of it once more from the first row on: what was there has not changed.
  void CheckFromTheStart() {
    const auto journal = Journal::Open(folder_ / "state");
    std::vector<Transition> all;
    ReadTransitions(**journal, 0, all);
    ASSERT_EQ(all.size(), transitions_.size());
    for (size_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(std::tie(all[i].seq, all[i].job, all[i].from, all[i].to, all[i].actor),
                std::tie(transitions_[i].seq, transitions_[i].job, transitions_[i].from,
                         transitions_[i].to, transitions_[i].actor));
    }
  }

  size_t transitions() const { return transitions_.size(); }
  size_t answers() const { return answers_; }

 private:
  static void ReadTransitions(Journal& journal, uint64_t after, std::vector<Transition>& all) {
    for (;;) {
      const auto page = journal.Transitions("", after, 1000);
      ASSERT_TRUE(page.ok()) << page.status();
      if (page->empty()) return;
      all.insert(all.end(), page->begin(), page->end());
      after = page->back().seq;
    }
  }

  /// Each job's transitions are legal and follow one another; nobody's request did two things.
  void CheckTransitions(const Book& book) {
    for (; checked_ < transitions_.size(); ++checked_) {
      const Transition& one = transitions_[checked_];
      const auto from = lifecycle::ValueIn(lifecycle::kJobStates, one.from);
      const auto to = lifecycle::ValueIn(lifecycle::kJobStates, one.to);
      ASSERT_TRUE(from && to && IsLegal(*from, *to)) << one.from << " to " << one.to;
      const auto [last, is_first] = state_.try_emplace(one.job, JobState::kPending);
      ASSERT_EQ(last->second, *from) << one.job << " at " << one.seq << ": lost or doubled";
      last->second = *to;
      if (*to == JobState::kCancelling || *to == JobState::kCancelled) cancelled_.insert(one.job);
      if (*to == JobState::kPausing || *to == JobState::kPaused) paused_.insert(one.job);
      if (one.actor.find('.') == std::string::npos) continue;
      ASSERT_TRUE(actors_.insert(one.actor).second) << one.actor << " was obeyed twice";
    }
    for (const auto& [id, job] : book.jobs) {
      const auto last = state_.find(id);
      ASSERT_EQ(job.state, last == state_.end() ? JobState::kPending : last->second) << id;
    }
  }

  void CheckAnswers(const Book& book) {
    std::ifstream file(folder_ / "clients");
    file.seekg(static_cast<std::streamoff>(read_));
    for (std::string line; std::getline(file, line) && !file.eof(); read_ += line.size() + 1) {
      ++answers_;
      std::istringstream words(line);
      std::string kind;
      std::string first;
      std::string second;
      uint64_t seq = 0;
      words >> kind >> first >> second >> seq;
      ASSERT_LE(seq, book.seq) << "was seen and is gone: " << line;
      if (kind == "submit") {
        const auto [known, is_new] = jobs_.try_emplace(first, second);
        ASSERT_EQ(known->second, second) << "one request, two jobs";
      } else if (second == "2") {
        ASSERT_TRUE(cancelled_.contains(first)) << line;
      } else if (second == "0") {
        ASSERT_TRUE(paused_.contains(first)) << line;
      }
    }
    std::map<std::string, std::string> requests;
    for (const auto& [id, job] : book.jobs) {
      const auto [other, is_new] = requests.try_emplace(job.submission->request_id, id);
      ASSERT_TRUE(is_new) << "request " << other->first << " made two jobs";
      const auto told = jobs_.find(job.submission->request_id);
      ASSERT_TRUE(told == jobs_.end() || told->second == id) << id;
    }
    for (const auto& [request, job] : jobs_) {
      const bool forgotten = state_.contains(job) && lifecycle::IsFinal(state_.at(job));
      ASSERT_TRUE(book.jobs.contains(job) || forgotten) << "lost: " << request << " " << job;
    }
  }

  void CheckBook(const Book& book) {
    std::set<std::pair<std::string, std::string>> taken;
    std::map<std::string, int64_t> ledger;
    for (const LedgerRow& row : book.ledger) {
      int64_t sum = row.split.productive_us;
      for (const int64_t wasted : row.split.wasted_us) sum += wasted;
      ASSERT_EQ(sum, row.allocated_us);
      ledger[row.job] += row.allocated_us * row.gpus;
    }
    for (const auto& [id, job] : book.jobs) {
      ASSERT_EQ(job.gpu_microseconds, ledger[id]) << id;
      ASSERT_EQ(job.current.has_value(), lifecycle::HoldsGpus(job.state)) << id;
      if (!job.current) continue;
      for (const RankPlace& place : job.current->ranks) {
        ASSERT_TRUE(taken.insert({place.agent, place.device}).second) << place.device;
      }
    }
  }

  const TemporaryFolder& folder_;
  uint64_t seq_ = 0;
  std::vector<Transition> transitions_;
  size_t checked_ = 0;
  std::map<std::string, JobState> state_;
  std::set<std::string> cancelled_;
  std::set<std::string> paused_;
  std::set<std::string> actors_;
  std::map<std::string, std::string> jobs_;  // by request, as clients were told
  size_t read_ = 0;
  size_t answers_ = 0;
};

TEST(Kill, AtAnyMomentLosesAndDoublesNothing) {
  const int points = KillPoints();
  TemporaryFolder folder;
  HistoryChecker checker(folder);
  Random random{2026};
  std::map<std::string, int> deaths;
  for (int life = 1; life <= points; ++life) {
    const Death death = RandomDeath(random);
    SCOPED_TRACE(fmt::format("life {}, {} us, {}", life, death.after_us, death.failpoint));
    const pid_t child = ::fork();
    if (child == 0) {
      Live(folder, static_cast<uint64_t>(life), death);
      ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it was to be killed, and ended with " << status;
    ASSERT_THAT(WTERMSIG(status), testing::AnyOf(SIGKILL, SIGALRM)) << "its own fault";
    ++deaths[WTERMSIG(status) == SIGALRM ? "alarm"
                                         : death.failpoint.substr(0, death.failpoint.find(':'))];
    checker.CheckAfterDeath();
    if (HasFatalFailure()) return;
  }
  checker.CheckFromTheStart();
  for (const auto& [where, count] : deaths) std::printf("%s: %d\n", where.c_str(), count);
  std::printf("%d kills, %zu answers, %zu transitions\n", points, checker.answers(),
              checker.transitions());
  EXPECT_EQ(deaths.size(), 8U) << "every kind of death was met";
  EXPECT_GT(checker.answers(), static_cast<size_t>(points / 10)) << "it is a test of answers too";
  EXPECT_GT(checker.transitions(), static_cast<size_t>(points));
}

}  // namespace
}  // namespace lrti::coordinator
