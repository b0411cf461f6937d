#include "services/coordinator/api/streams.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/lifecycle/job_state.h"
#include "lrti/v1/coordinator.pb.h"
#include "services/coordinator/api/convert_job.h"
#include "services/coordinator/api/event_lines.h"
#include "services/coordinator/api/log_tail.h"
#include "services/coordinator/api/shown_job.h"

namespace lrti::coordinator {
namespace {

constexpr size_t kEventsMax = 1000;                       // that are copied at a time
constexpr auto kPause = std::chrono::milliseconds(100);   // between looks at files
constexpr absl::Duration kLastBytes = absl::Seconds(30);  // that files have to arrive after the end

absl::Status ReaderLeft() { return absl::CancelledError("the reader left"); }

struct Standing {
  std::string id;
  int64_t attempt = 0;
  int64_t ranks = 0;
  bool final = false;

  /// Nothing of the attempt runs any more.
  bool IsOver(int64_t of_attempt) const { return final || attempt > of_attempt; }
};

absl::StatusOr<Standing> StandingOf(const Parts& parts, const Caller& caller,
                                    const std::string& name) {
  v1::Job job;
  LRTI_RETURN_IF_ERROR(ShowJob(parts, caller, name, /*with_config=*/false, job));
  const auto state = lifecycle::ValueIn(lifecycle::kJobStates, job.state());
  return Standing{job.id(), job.attempt(), job.ranks(), state && lifecycle::IsFinal(*state)};
}

/// The last bytes of an attempt may come after the news that it is over; at some time nobody waits
/// for them any more.
class LastBytes {
 public:
  explicit LastBytes(const Clock& clock) : clock_(clock) {}

  /// Whether the attempt has been over for long.
  bool Waited(bool over) {
    if (!over) over_since_.reset();
    if (over && !over_since_) over_since_ = clock_.Steady();
    return over_since_ && clock_.Steady() - *over_since_ > kLastBytes;
  }

 private:
  const Clock& clock_;
  std::optional<absl::Duration> over_since_;
};

struct Changes {
  std::vector<v1::JobEvent> events;
  uint64_t version = 0;  // of the last of them, or of the book when these are all
  uint64_t seq = 0;      // of the book
};

Changes ChangesAfter(const Parts& parts, const Caller& caller, const std::string& only,
                     uint64_t version) {
  Changes changes{.events = {}, .version = version};
  parts.engine.Read([&](const Book& book, const Live& live, Moment now) {
    changes.seq = book.seq;
    auto it = book.by_version.upper_bound(version);
    for (; it != book.by_version.end() && changes.events.size() < kEventsMax; ++it) {
      const JobRecord* const job = FindJob(book, it->second);
      if (job == nullptr || (!only.empty() && it->second != only)) continue;
      if (!Allow(caller, Role::kViewer, job->submission->project).ok()) continue;
      v1::JobEvent& event = changes.events.emplace_back();
      Fill(*job, live, now, *event.mutable_job());
      event.set_version(it->first);
    }
    if (it == book.by_version.end()) {
      changes.version = book.seq;
    } else if (!changes.events.empty()) {
      changes.version = changes.events.back().version();
    }
  });
  return changes;
}

v1::LogChunk MessageOf(LogTail::Chunk chunk) {
  v1::LogChunk message;
  message.set_attempt(chunk.attempt);
  message.set_rank(chunk.rank);
  message.set_offset(chunk.offset);
  message.set_data(std::move(chunk.data));
  message.set_complete(chunk.complete);
  message.set_missing_bytes(chunk.missing);
  return message;
}

}  // namespace

absl::Status WatchJobs(const Parts& parts, const Caller& caller,
                       const v1::WatchJobsRequest& request, const Reader<v1::JobEvent>& reader) {
  std::string only;
  if (!request.job().empty()) {
    LRTI_ASSIGN_OR_RETURN(const Standing job, StandingOf(parts, caller, request.job()));
    only = job.id;
  }
  uint64_t version = request.after_version();
  while (!reader.left()) {
    Changes changes = ChangesAfter(parts, caller, only, version);
    version = changes.version;
    for (const v1::JobEvent& event : changes.events) {
      if (!reader.write(event)) return ReaderLeft();
    }
    if (version != changes.seq) continue;
    v1::JobEvent bookmark;  // from where to go on, with nothing before it
    bookmark.set_version(version);
    if (!changes.events.empty() && !reader.write(bookmark)) return ReaderLeft();
    parts.engine.WaitForChange(changes.seq, absl::Seconds(1));
  }
  return ReaderLeft();
}

absl::Status TailLogs(const Parts& parts, const Caller& caller, const v1::TailLogsRequest& request,
                      const Reader<v1::LogChunk>& reader) {
  LRTI_ASSIGN_OR_RETURN(Standing job, StandingOf(parts, caller, request.job()));
  LogTail tail(parts.spool, {.job = job.id,
                             .attempt = request.attempt() > 0 ? request.attempt() : job.attempt,
                             .rank = request.rank(),
                             .tail_lines = request.tail_lines(),
                             .offsets = {request.offsets().begin(), request.offsets().end()}});
  const auto take = [&reader](LogTail::Chunk chunk) {
    return reader.write(MessageOf(std::move(chunk)));
  };
  LastBytes last_bytes(parts.clock);
  int64_t ranks = 1;  // of the attempt that is read, as far as known
  while (!reader.left()) {
    // Before the files are read, so that nothing of an attempt that is over is missed.
    LRTI_ASSIGN_OR_RETURN(job, StandingOf(parts, caller, job.id));
    if (job.attempt == tail.attempt() && job.ranks > 0) ranks = job.ranks;
    ranks = std::max<int64_t>(
        ranks, static_cast<int64_t>(parts.spool.Ranks(job.id, tail.attempt()).size()));
    LRTI_ASSIGN_OR_RETURN(const bool wanted, tail.Advance(take));
    if (!wanted || !request.follow()) return absl::OkStatus();
    const bool over = job.IsOver(tail.attempt());
    const bool waited = last_bytes.Waited(over);
    if (over && (waited || tail.AttemptComplete(ranks) || tail.attempt() == 0)) {
      if (job.attempt <= tail.attempt()) return absl::OkStatus();
      tail.MoveTo(tail.attempt() + 1);
      ranks = 1;
      last_bytes.Waited(false);
      continue;
    }
    std::this_thread::sleep_for(kPause);
  }
  return ReaderLeft();
}

absl::Status StreamMetrics(const Parts& parts, const Caller& caller,
                           const v1::StreamMetricsRequest& request,
                           const Reader<v1::MetricEvents>& reader) {
  LRTI_ASSIGN_OR_RETURN(Standing job, StandingOf(parts, caller, request.job()));
  const bool one = request.attempt() > 0 && !request.follow() && request.after() == 0;
  SpoolName name{job.id, std::max<int64_t>(request.attempt(), 1), 0, Stream::kEvents};
  uint64_t offset = request.after();
  LastBytes last_bytes(parts.clock);
  while (!reader.left()) {
    LRTI_ASSIGN_OR_RETURN(job, StandingOf(parts, caller, job.id));
    LRTI_ASSIGN_OR_RETURN(EventLines events, ReadEventLines(parts.spool, name, offset));
    const bool moved = events.next > offset;
    offset = events.next;
    if (!events.lines.empty()) {
      v1::MetricEvents message;
      message.set_attempt(name.attempt);
      message.set_json_lines(std::move(events.lines));
      message.set_next(offset);
      if (!reader.write(message)) return ReaderLeft();
    }
    if (moved) continue;
    const bool over = job.IsOver(name.attempt);
    const bool waited = last_bytes.Waited(over);
    if (!request.follow() || (over && (waited || events.complete))) {
      if (one || job.attempt <= name.attempt) return absl::OkStatus();
      ++name.attempt;
      offset = 0;
      last_bytes.Waited(false);
      continue;
    }
    std::this_thread::sleep_for(kPause);
  }
  return ReaderLeft();
}

}  // namespace lrti::coordinator
