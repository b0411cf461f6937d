#include <sys/ioctl.h>
#include <unistd.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/time/clock.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/job_views.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/top_screen.h"
#include "cli/ctl/commands/verbs.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

constexpr absl::Duration kRefresh = absl::Seconds(1);
constexpr size_t kRowsMax = 200;
constexpr const char* kOtherScreen = "\x1b[?1049h\x1b[?25l";  // and no cursor
constexpr const char* kOwnScreen = "\x1b[?25h\x1b[?1049l";
constexpr const char* kFromTop = "\x1b[H\x1b[2J";

ScreenSize SizeOfTerminal() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
  return {size.ws_col, size.ws_row};
}

// The terminal as it was, whatever happens.
class OtherScreen {
 public:
  explicit OtherScreen(Session& session) : session_(session) {
    session_.interrupt().SayLast(kOwnScreen);
    session_.console().Print(kOtherScreen);
  }
  ~OtherScreen() {
    session_.console().Print(kOwnScreen);
    session_.interrupt().SayLast("");
  }
  OtherScreen(const OtherScreen&) = delete;
  OtherScreen& operator=(const OtherScreen&) = delete;

 private:
  Session& session_;
};

// Those that hold GPUs, however old they are, then the newest others.
absl::StatusOr<std::vector<v1::Job>> ShownJobs(Client& client) {
  LRTI_ASSIGN_OR_RETURN(std::vector<v1::Job> jobs, client.List(RequestOfRunning(), kRowsMax));
  LRTI_ASSIGN_OR_RETURN(std::vector<v1::Job> newest, client.List(v1::ListJobsRequest(), kRowsMax));
  std::set<std::string> shown;
  for (const v1::Job& job : jobs) shown.insert(job.id());
  for (v1::Job& job : newest) {
    if (jobs.size() < kRowsMax && !shown.contains(job.id())) jobs.push_back(std::move(job));
  }
  return jobs;
}

absl::StatusOr<std::string> Screen(Session& session, Client& client, ScreenSize size) {
  LRTI_ASSIGN_OR_RETURN(const std::vector<v1::Job> jobs, ShownJobs(client));
  LRTI_ASSIGN_OR_RETURN(const v1::ListAgentsResponse agents, client.Agents());
  LRTI_ASSIGN_OR_RETURN(const v1::ListQueuesResponse queues, client.Queues());
  return TopScreen(jobs, agents, queues, absl::Now(), size, session.console().color);
}

absl::StatusOr<int> Top(Session& session, bool once) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  const auto first = [&] {
    const Notice notice = session.Waiting();
    return Screen(session, *client, {.width = 1000, .height = 0});
  }();
  if (!first.ok()) return first.status();
  if (once || !session.console().out_is_terminal) {
    session.console().Print(*first);
    return kOk;
  }
  session.interrupt().TakeSignals();
  const OtherScreen other(session);
  do {
    const auto screen = Screen(session, *client, SizeOfTerminal());
    session.console().Print(
        kFromTop +
        (screen.ok() ? *screen : Message(screen.status()) + "\nit is tried again; Ctrl-C ends\n"));
  } while (!session.interrupt().WaitFor(kRefresh));
  return kOk;
}

}  // namespace

void AddTop(CLI::App& app, Session& session) {
  auto once = std::make_shared<bool>(false);
  AddVerb(app, session, "top", "Jobs, agents and queues on a screen, each second; Ctrl-C ends.",
          [&session, once] { return Top(session, *once); })
      ->add_flag("--once", *once, "Print it once, as where there is no terminal");
}

}  // namespace lrti::ctl
