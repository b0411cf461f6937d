#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/ctl/client/message_json.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/follow.h"
#include "cli/ctl/commands/job_views.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

constexpr absl::Duration kLook = absl::Seconds(1);
constexpr int64_t kPage = 1000;

struct EventArguments {
  std::string job;
  bool follow = false;
  int64_t limit = 100;
};

using Transitions = std::vector<v1::Transition>;

struct Page {
  Transitions transitions;
  uint64_t next = 0;  // to go on behind them
};

// The newest ones that the journal has, at most `limit`.
absl::StatusOr<Page> Newest(Client& client, const EventArguments& arguments) {
  v1::ListTransitionsRequest request;
  request.set_job(arguments.job);
  request.set_limit(kPage);
  const auto limit = static_cast<size_t>(arguments.limit);
  if (arguments.job.empty()) {  // of one job there are few, of all there may be millions
    LRTI_ASSIGN_OR_RETURN(const v1::ServerInfo info, client.ServerInfo());
    request.set_after_seq(info.journal_seq() - std::min<uint64_t>(info.journal_seq(), limit));
  }
  Transitions all;
  while (true) {
    LRTI_ASSIGN_OR_RETURN(const v1::ListTransitionsResponse page, client.Transitions(request));
    if (page.transitions().empty()) break;
    request.set_after_seq(page.transitions().rbegin()->seq());
    all.insert(all.end(), page.transitions().begin(), page.transitions().end());
    if (all.size() > limit) all.erase(all.begin(), all.end() - arguments.limit);
  }
  return Page{std::move(all), request.after_seq()};
}

void PrintLines(const Session& session, const Transitions& transitions, Format format) {
  for (const v1::Transition& transition : transitions) {
    const bool json = format == Format::kJson;
    session.console().Print(
        (json ? MessageJson(transition)
                    .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)
              : transition.job() + "  " + TransitionLine(transition)) +
        "\n");
  }
}

absl::Status Follow(Session& session, Client& client, const std::string& job, uint64_t after,
                    Format format) {
  v1::ListTransitionsRequest request;
  request.set_job(job);
  request.set_after_seq(after);
  request.set_limit(kPage);
  while (true) {
    v1::ListTransitionsResponse page;
    const auto read = [&]() -> absl::Status {
      LRTI_ASSIGN_OR_RETURN(page, client.Transitions(request));
      return absl::OkStatus();
    };
    LRTI_RETURN_IF_ERROR(KeepReading(session, read, [] { return false; }));
    PrintLines(session, {page.transitions().begin(), page.transitions().end()}, format);
    if (!page.transitions().empty()) request.set_after_seq(page.transitions().rbegin()->seq());
    if (session.interrupt().WaitFor(kLook)) return absl::OkStatus();
  }
}

absl::StatusOr<int> Events(Session& session, const EventArguments& arguments) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  LRTI_ASSIGN_OR_RETURN(const Format format, session.OutputFormat());
  const auto newest = [&] {
    const Notice notice = session.Waiting();
    return Newest(*client, arguments);
  }();
  if (!newest.ok()) return newest.status();
  if (!arguments.follow) {
    LRTI_RETURN_IF_ERROR(session.Show(TransitionListing(newest->transitions)));
    return kOk;
  }
  session.interrupt().TakeSignals();
  PrintLines(session, newest->transitions, format);
  const absl::Status status = Follow(session, *client, arguments.job, newest->next, format);
  if (session.interrupt().asked()) return kInterrupted;
  LRTI_RETURN_IF_ERROR(status);
  return kOk;
}

}  // namespace

void AddEvents(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<EventArguments>();
  CLI::App* verb =
      AddVerb(app, session, "events", "What happened: every change of state, oldest first.",
              [&session, arguments] { return Events(session, *arguments); });
  verb->add_option("JOB", arguments->job, "Of this job alone");
  verb->add_flag("-f,--follow", arguments->follow, "Go on until Ctrl-C; -o json: JSON lines");
  verb->add_option("--limit", arguments->limit, "The newest so many")
      ->check(CLI::Range(int64_t{1}, int64_t{100000}));
}

}  // namespace lrti::ctl
