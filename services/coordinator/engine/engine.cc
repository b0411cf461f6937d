#include "services/coordinator/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "common/base/mutex.h"
#include "common/base/status.h"
#include "services/coordinator/engine/command_queue.h"
#include "services/coordinator/engine/job_id.h"
#include "services/coordinator/journal/failpoint.h"
#include "services/coordinator/state/apply.h"
#include "services/coordinator/state/control.h"
#include "services/coordinator/state/observe.h"
#include "services/coordinator/state/schedule.h"
#include "services/coordinator/state/submit.h"
#include "services/coordinator/state/text.h"
#include "services/coordinator/state/tick.h"

namespace lrti::coordinator {
namespace {

/// Trainers end when their coordinator was away for so long: nothing held a GPU beyond it.
constexpr absl::Duration kDowntimeMax = absl::Hours(24);
constexpr absl::Duration kProbePause = absl::Seconds(2);
constexpr absl::Duration kWaitMax = absl::Hours(24);  // an endless one overflows the clock
constexpr int kJobIdTries = 5;

struct View {
  Book book;
  Live live;
};

void ApplyTo(const Entry& entry, View& view) {
  Apply(entry, view.book);
  if (const auto* ended = std::get_if<AttemptEnded>(&entry.update)) {
    view.live.attempts.erase(ended->job);
  }
  if (const auto* forgotten = std::get_if<AgentForgotten>(&entry.update)) {
    view.live.agents.erase(forgotten->agent);
  }
}

/// Real time, for waits and statistics only.
absl::Duration Elapsed() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

class ThreadedEngine final : public Engine {
 public:
  ThreadedEngine(Journal& journal, const Clock& clock, Options options, Book book)
      : journal_(journal),
        clock_(clock),
        options_(std::move(options)),
        steady_offset_(OffsetOf(book, clock)),
        queue_(options_.queue_max),
        snapshot_seq_(journal.snapshot_seq()) {
    working_.book = book;
    working_.live.began = Now().steady;
    looked_ = working_.live.began;
    visible_.book = std::move(book);
    visible_.live.began = working_.live.began;
    if (!options_.new_job_id) options_.new_job_id = NewJobId;
  }

  ~ThreadedEngine() override { Stop(); }

  void Begin(absl::Duration load_time) {
    {
      MutexLock lock(mutex_);
      counts_.load_seconds = absl::ToDoubleSeconds(load_time);
    }
    thread_ = std::jthread([this] { Loop(); });
  }

  // Commands.

  absl::StatusOr<std::string> Submit(Submission submission) override {
    const auto shared = std::make_shared<const Submission>(std::move(submission));
    absl::Status status;
    for (int i = 0; i < kJobIdTries; ++i) {
      const auto job = std::make_shared<std::string>();
      status = Call({},
                    [this, shared, job, id = options_.new_job_id()](
                        const Book& book, const Live&, Moment) -> absl::StatusOr<Updates> {
                      LRTI_ASSIGN_OR_RETURN(Submitted submitted,
                                            coordinator::Submit(book, options_.rules, *shared, id));
                      *job = submitted.job;
                      return std::move(submitted.updates);
                    });
      if (status.ok()) return *job;
      if (status.code() != absl::StatusCode::kAborted) break;
    }
    return status;
  }

  absl::StatusOr<std::string> Control(Verb verb, const std::string& name,
                                      const std::string& actor) override {
    return OnJob(name, [verb, name, actor](const Book& book) -> absl::StatusOr<Updates> {
      switch (verb) {
        case Verb::kPause:
          return Pause(book, name, actor);
        case Verb::kResume:
          return Resume(book, name, actor);
        case Verb::kCancel:
          return Cancel(book, name, actor);
        case Verb::kRetry:
          return Retry(book, name, actor);
      }
      return Updates();
    });
  }

  absl::StatusOr<std::string> SetPriority(const std::string& name, int64_t priority,
                                          const std::string& actor) override {
    return OnJob(name, [=](const Book& book) {
      return coordinator::SetPriority(book, name, priority, actor);
    });
  }

  absl::StatusOr<std::vector<Assignment>> Sync(const AgentReport& report) override {
    const auto shared = std::make_shared<const AgentReport>(report);
    LRTI_RETURN_IF_ERROR(
        Call(shared, [this, shared](const Book& book, const Live& live, Moment now) {
          return absl::StatusOr<Updates>(Observe(book, live, options_.rules, *shared, now));
        }));
    MutexLock lock(mutex_);
    return AssignmentsOf(visible_.book, visible_.live, options_.rules, report.agent);
  }

  absl::Status SetAgentMode(const std::string& agent, AgentMode mode, const std::string& message,
                            const std::string& actor) override {
    return Call(nullptr, [=](const Book& book, const Live&, Moment) {
      return coordinator::SetAgentMode(book, agent, mode, message, actor);
    });
  }

  // Readers.

  void Read(const std::function<void(const Book&, const Live&, Moment now)>& look) const override {
    MutexLock lock(mutex_);
    look(visible_.book, visible_.live, Now());
  }

  absl::StatusOr<Explanation> Explain(const std::string& name) const override {
    MutexLock lock(mutex_);
    LRTI_ASSIGN_OR_RETURN(const JobRecord* job, JobNamed(visible_.book, name));
    return coordinator::Explain(visible_.book, visible_.live, options_.rules, *job, Now());
  }

  Fit CouldRun(const Submission& submission) const override {
    MutexLock lock(mutex_);
    return coordinator::CouldRun(visible_.book, visible_.live, options_.rules, submission, Now());
  }

  absl::StatusOr<std::vector<UsageRow>> Usage(const UsageQuery& query) const override {
    MutexLock lock(mutex_);
    return UsageOf(visible_.book, query, Now());
  }

  absl::StatusOr<std::vector<Transition>> Transitions(const std::string& name, uint64_t after_seq,
                                                      int64_t limit) const override {
    std::string job;
    if (!name.empty()) {
      MutexLock lock(mutex_);
      LRTI_ASSIGN_OR_RETURN(const JobRecord* record, JobNamed(visible_.book, name));
      job = record->id();
    }
    return journal_.Transitions(job, after_seq, limit);
  }

  uint64_t WaitForChange(uint64_t after_seq, absl::Duration timeout) const override {
    MutexLock lock(mutex_);
    changed_.wait_for(
        mutex_, absl::ToChronoNanoseconds(std::min(timeout, kWaitMax)),
        [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return stopped_ || visible_.book.seq > after_seq; });
    return visible_.book.seq;
  }

  void Stop() override {
    {
      MutexLock lock(mutex_);
      stopped_ = true;
      changed_.notify_all();
    }
    queue_.Close();
    MutexLock lock(join_mutex_);
    if (thread_.joinable()) thread_.join();
  }

  std::string trouble() const override {
    MutexLock lock(mutex_);
    return trouble_;
  }
  EngineCounts counts() const override {
    MutexLock lock(mutex_);
    EngineCounts counts = counts_;
    counts.commit_times = commit_times_.Get();
    counts.cycle_times = cycle_times_.Get();
    return counts;
  }
  Tally tally() const override {
    MutexLock lock(mutex_);
    return tally_;
  }
  const Rules& rules() const override { return options_.rules; }

 private:
  /// What makes the clock's steady time the journal's: it goes on where it was, and the time in
  /// between is the wall clock's, if that makes sense.
  static absl::Duration OffsetOf(const Book& book, const Clock& clock) {
    const absl::Duration away = book.seq == 0 ? absl::ZeroDuration() : clock.Now() - book.at.wall;
    return book.at.steady + std::clamp(away, absl::ZeroDuration(), kDowntimeMax) - clock.Steady();
  }

  Moment Now() const { return {Micros(clock_.Now()), Micros(clock_.Steady() + steady_offset_)}; }

  using Decide = std::function<absl::StatusOr<Updates>(const Book&, const Live&, Moment)>;

  absl::Status Call(std::shared_ptr<const AgentReport> report, Decide decide) {
    const auto reply = std::make_shared<Reply>();
    if (!queue_.Push({std::move(report), std::move(decide), reply})) {
      if (queue_.closed()) return absl::CancelledError("the coordinator is being stopped");
      MutexLock lock(mutex_);
      ++counts_.queue_refusals;
      return Error(absl::StatusCode::kResourceExhausted,
                   "{} requests wait already; try again in a while", options_.queue_max);
    }
    return reply->Wait(options_.call_timeout);
  }

  absl::StatusOr<std::string> OnJob(const std::string& name,
                                    std::function<absl::StatusOr<Updates>(const Book&)> operation) {
    const auto id = std::make_shared<std::string>();
    LRTI_RETURN_IF_ERROR(
        Call({},
             [name, id, operation = std::move(operation)](const Book& book, const Live&,
                                                          Moment) -> absl::StatusOr<Updates> {
               LRTI_ASSIGN_OR_RETURN(const JobRecord* job, JobNamed(book, name));
               *id = job->id();
               return operation(book);
             }));
    return *id;
  }

  // The thread. It alone touches working_ and what stands with it.

  void Loop() {
    while (!queue_.closed()) {
      const absl::Duration until_cycle = next_cycle_ - Elapsed();
      Batch(queue_.Take(options_.batch_max, std::max(until_cycle, absl::ZeroDuration())));
      if (Elapsed() >= next_cycle_) RunCycle();
      if (working_.book.seq - snapshot_seq_ >= options_.snapshot_every) Snapshot();
    }
    for (const Command& command : queue_.Take(options_.queue_max, absl::ZeroDuration())) {
      command.reply->Set(absl::CancelledError("the coordinator is being stopped"));
    }
    if (working_.book.seq != snapshot_seq_) Snapshot();
  }

  struct Decided {
    absl::Status status;
    size_t entries_end = 0;  // its own end there, and begin where the one before ends
  };

  void Batch(const std::vector<Command>& batch) {
    if (batch.empty()) return;
    const Moment now = Now();
    ForgiveStall(now);
    std::vector<Entry> entries;
    std::vector<Decided> decided;
    for (const Command& command : batch) {
      absl::Status status;
      if (command.report) status = Absorb(working_.book, *command.report, now, working_.live);
      if (status.ok()) {
        absl::StatusOr<Updates> updates = command.decide(working_.book, working_.live, now);
        status = updates.status();
        if (updates.ok()) Take(*std::move(updates), now, entries);
      }
      decided.push_back({std::move(status), entries.size()});
    }
    const absl::Status committed = Commit(entries);
    Publish(batch, decided, entries, now, committed.ok());
    if (committed.ok() && !entries.empty()) Hurry();
    Failpoint("before_reply");
    for (size_t i = 0; i < batch.size(); ++i) {
      batch[i].reply->Set(committed.ok() || !decided[i].status.ok() ? decided[i].status
                                                                    : committed);
    }
  }

  /// What agents said while this thread stood still (a disk that hung, a stopped process) waits in
  /// the queue yet, or came to nothing: that is no silence of theirs.
  void ForgiveStall(Moment now) {
    const absl::Duration away = now.steady - std::exchange(looked_, now.steady);
    if (away <= std::max(options_.rules.lease / 2, 4 * options_.tick)) return;
    working_.live.began = now.steady;
    MutexLock lock(mutex_);
    visible_.live.began = now.steady;
  }

  /// Makes the updates part of the working book.
  void Take(Updates updates, Moment now, std::vector<Entry>& entries) {
    for (Update& update : updates) {
      entries.push_back({working_.book.seq + 1, now, std::move(update)});
      ApplyTo(entries.back(), working_);
    }
  }

  /// After an error the working book is the visible one again.
  absl::Status Commit(const std::vector<Entry>& entries) {
    if (entries.empty()) return absl::OkStatus();
    const absl::Duration begin = Elapsed();
    const absl::Status status = journal_.Append(entries);
    MutexLock lock(mutex_);
    if (status.ok()) {
      ++counts_.commits;
      counts_.updates += entries.size();
      commit_times_.Observe(Elapsed() - begin);
      trouble_.clear();
      return status;
    }
    ++counts_.commit_failures;
    trouble_ = Message(status);
    working_.book = visible_.book;
    return Error(absl::StatusCode::kUnavailable,
                 "the journal cannot be written, so nothing has happened: {}", trouble_);
  }

  void Publish(const std::vector<Command>& batch, const std::vector<Decided>& decided,
               const std::vector<Entry>& entries, Moment now, bool committed) {
    MutexLock lock(mutex_);
    size_t next = 0;
    for (size_t i = 0; i < batch.size(); ++i) {
      // Its errors were answered from the working view.
      if (batch[i].report) {
        Absorb(visible_.book, *batch[i].report, now, visible_.live).IgnoreError();
      }
      for (; committed && next < decided[i].entries_end; ++next) Show(entries[next]);
    }
    if (committed && !entries.empty()) changed_.notify_all();
  }

  /// Makes a fact that is on the disk one that everybody sees.
  void Show(const Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Count(entry, visible_.book, visible_.live, tally_);
    ApplyTo(entry, visible_);
  }

  void RunCycle() {
    const absl::Duration begin = Elapsed();
    const Moment now = Now();
    ForgiveStall(now);
    std::vector<Entry> entries;
    Take(Tick(working_.book, working_.live, options_.rules, now), now, entries);
    Plan plan = Schedule(working_.book, working_.live, options_.rules, now);
    Take(std::move(plan.updates), now, entries);
    const absl::Duration decided = Elapsed() - begin;
    const bool committed = Commit(entries).ok();
    std::unordered_map<std::string, lifecycle::PendingReason> waiting(plan.waiting.begin(),
                                                                      plan.waiting.end());
    {
      MutexLock lock(mutex_);
      ++counts_.cycles;
      cycle_times_.Observe(decided);
      counts_.cycle_seconds_last = absl::ToDoubleSeconds(decided);
      visible_.live.waiting.swap(waiting);
      if (committed && !entries.empty()) {
        for (const Entry& entry : entries) Show(entry);
        changed_.notify_all();
      }
    }
    if (committed) TellForgotten(entries);
    cycle_pause_ = std::max(options_.cycle_pause, 2 * decided);
    cycle_end_ = Elapsed();
    next_cycle_ = cycle_end_ + options_.tick;
    if (committed && !entries.empty()) Hurry();
    ProbeIfTroubled();
  }

  void TellForgotten(const std::vector<Entry>& entries) const {
    if (!options_.on_forgotten) return;
    for (const Entry& entry : entries) {
      const auto* forgotten = std::get_if<JobForgotten>(&entry.update);
      if (forgotten != nullptr) options_.on_forgotten(forgotten->job);
    }
  }

  /// Something changed: the next cycle comes early, yet leaves time for commands.
  void Hurry() { next_cycle_ = std::min(next_cycle_, cycle_end_ + cycle_pause_); }

  void ProbeIfTroubled() {
    if (trouble().empty() || Elapsed() - last_probe_ < kProbePause) return;
    last_probe_ = Elapsed();
    const absl::Status status = journal_.Probe();
    MutexLock lock(mutex_);
    trouble_ = Message(status);
  }

  /// One that fails is tried again after as many updates; the journal is whole without it.
  void Snapshot() {
    snapshot_seq_ = working_.book.seq;
    const absl::Status status = journal_.WriteSnapshot(working_.book);
    if (status.ok()) return;
    MutexLock lock(mutex_);
    trouble_ = Message(status);
  }

  Journal& journal_;
  const Clock& clock_;
  Options options_;
  const absl::Duration steady_offset_;
  CommandQueue queue_;

  View working_;
  uint64_t snapshot_seq_;
  absl::Duration looked_;  // steady; when it last read the clock to decide something
  absl::Duration next_cycle_;
  absl::Duration cycle_end_;
  absl::Duration cycle_pause_;
  absl::Duration last_probe_;

  mutable Mutex mutex_;
  mutable CondVar changed_;
  View visible_ ABSL_GUARDED_BY(mutex_);
  std::string trouble_ ABSL_GUARDED_BY(mutex_);
  EngineCounts counts_ ABSL_GUARDED_BY(mutex_);
  Tally tally_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  DurationHistogram commit_times_;
  DurationHistogram cycle_times_;

  Mutex join_mutex_;
  std::jthread thread_;
};

}  // namespace

absl::StatusOr<std::string> Engine::Submit(const SubmitArguments& arguments) {
  LRTI_ASSIGN_OR_RETURN(Submission submission, ReadSubmission(arguments));
  return Submit(std::move(submission));
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Start(Journal& journal, const Clock& clock,
                                                      Options options) {
  const absl::Duration begin = Elapsed();
  LRTI_ASSIGN_OR_RETURN(Book book, journal.Load());
  auto engine =
      std::make_unique<ThreadedEngine>(journal, clock, std::move(options), std::move(book));
  engine->Begin(Elapsed() - begin);
  return engine;
}

}  // namespace lrti::coordinator
