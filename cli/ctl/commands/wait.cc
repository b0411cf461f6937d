#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/ctl/commands/follow.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "cli/ctl/commands/wait_for.h"
#include "cli/ctl/output/human.h"
#include "common/base/status.h"

namespace lrti::ctl {
namespace {

struct WaitArguments {
  std::vector<std::string> jobs;
  std::string longest;
};

absl::StatusOr<int> Wait(Session& session, const WaitArguments& arguments) {
  absl::Duration longest = absl::InfiniteDuration();
  if (!arguments.longest.empty()) {
    LRTI_ASSIGN_OR_RETURN(longest, ParseDuration(arguments.longest));
  }
  session.interrupt().TakeSignals();
  const auto code = WaitForJobs(session, arguments.jobs, longest);
  const std::string& first = arguments.jobs.front();
  if (session.interrupt().asked()) return Detached(session, first, "lrti-ctl wait " + first);
  return code;
}

}  // namespace

void AddWait(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<WaitArguments>();
  CLI::App* verb =
      AddVerb(app, session, "wait",
              "Wait until jobs have ended. Exit code 0 when all succeeded, else of the "
              "first that did not: 100 failed, 101 goes on, 102 unknown, 103 "
              "cancelled.",
              [&session, arguments] { return Wait(session, *arguments); });
  verb->add_option("JOB", arguments->jobs, "Ids, or their first letters")->required();
  verb->add_option("--timeout", arguments->longest, "At most so long, 2h; 0s: only look");
}

}  // namespace lrti::ctl
