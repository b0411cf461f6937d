#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/follow.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "cli/ctl/output/log_printer.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

struct LogArguments {
  std::string job;
  bool follow = false;
  int64_t rank = -1, attempt = 0, tail = 0;
};

// A job's log as it arrives, and how far it has come: a stream that breaks goes on there.
class LogReader {
 public:
  LogReader(const Console& console, const LogArguments& arguments, std::string id,
            bool several_ranks)
      : console_(console),
        printer_(several_ranks, [&console](std::string_view bytes) { console.Print(bytes); }) {
    request_.set_job(std::move(id));
    request_.set_rank(arguments.rank);
    request_.set_attempt(arguments.attempt);
    request_.set_follow(arguments.follow);
    request_.set_tail_lines(arguments.tail);
  }

  void Take(const v1::LogChunk& chunk) {
    if (chunk.attempt() != request_.attempt()) Begin(chunk.attempt());
    came_ = true;
    if (chunk.missing_bytes() > 0) {
      printer_.Flush();
      console_.Warn(fmt::format("rank {}: gap of {} bytes", chunk.rank(), chunk.missing_bytes()));
      gap_ += chunk.missing_bytes();
    }
    printer_.Add(chunk.rank(), chunk.data());
    (*request_.mutable_offsets())[chunk.rank()] = chunk.offset() + chunk.data().size();
    complete_[chunk.rank()] = chunk.complete();
  }

  /// What to ask for: the begin, or to go on.
  const v1::TailLogsRequest& request() {
    if (!request_.offsets().empty()) request_.set_tail_lines(0);
    return request_;
  }

  /// Whether anything came since the last call.
  bool Came() { return std::exchange(came_, false); }

  void End() {
    printer_.Flush();
    const bool all =
        !complete_.empty() && std::all_of(complete_.begin(), complete_.end(),
                                          [](const auto& rank) { return rank.second; });
    if (gap_ > 0) {
      console_.Warn(fmt::format("gap of {} bytes", gap_));
    } else if (all) {
      console_.Say("complete");
    } else {
      console_.Say(complete_.empty() ? "nothing was written yet" : "so far; more may come");
    }
  }

 private:
  void Begin(int64_t attempt) {
    printer_.Flush();
    if (attempt > 1) console_.Say(fmt::format("--- attempt {} ---", attempt));
    request_.set_attempt(attempt);
    request_.mutable_offsets()->clear();
    complete_.clear();
  }

  const Console& console_;
  LogPrinter printer_;
  v1::TailLogsRequest request_;
  std::map<int64_t, bool> complete_;
  uint64_t gap_ = 0;
  bool came_ = false;
};

absl::StatusOr<int> Logs(Session& session, const LogArguments& arguments) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  const auto job = [&] {
    const Notice notice = session.Waiting();
    return client->Get(arguments.job);
  }();
  if (absl::IsNotFound(job.status()) && arguments.follow) {
    session.Tell(job.status());
    return kJobUnknown;
  }
  if (!job.ok()) return job.status();
  session.interrupt().TakeSignals();
  const bool several = arguments.rank < 0 && job->gpus() > 1;
  LogReader reader(session.console(), arguments, job->id(), several);
  const auto read = [&] {
    return client->TailLogs(reader.request(), session.interrupt(),
                            [&](const v1::LogChunk& chunk) { reader.Take(chunk); });
  };
  const absl::Status status =
      arguments.follow ? KeepReading(session, read, [&] { return reader.Came(); }) : read();
  if (session.interrupt().asked()) {
    return Detached(session, job->id(), "lrti-ctl logs -f " + job->id());
  }
  reader.End();
  LRTI_RETURN_IF_ERROR(status);
  if (!arguments.follow) return kOk;
  LRTI_ASSIGN_OR_RETURN(const v1::Job ended, client->Get(job->id()));
  session.console().Say(fmt::format("{} {}{}", ended.id(), ended.state(),
                                    ended.message().empty() ? "" : ": " + ended.message()));
  return ExitCodeOfState(ended.state());
}

}  // namespace

void AddLogs(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<LogArguments>();
  CLI::App* verb = AddVerb(
      app, session, "logs",
      "What a job's ranks wrote, byte for byte; of several ranks line by line, each with its rank.",
      [&session, arguments] { return Logs(session, *arguments); });
  verb->add_option("JOB", arguments->job, "Id, or its first letters")->required();
  verb->add_flag("-f,--follow", arguments->follow,
                 "Until the job ends, with its exit code; Ctrl-C lets it go on alone");
  verb->add_option("--rank", arguments->rank, "Of this rank alone")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20));
  verb->add_option("--attempt", arguments->attempt, "Of this attempt; 0: the last")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 40));
  verb->add_option("--tail", arguments->tail, "The last so many lines of each rank")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 30));
}

}  // namespace lrti::ctl
