#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/time/clock.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "cli/ctl/commands/views.h"
#include "cli/ctl/output/human.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

struct UsageArguments {
  std::string since, until, by = "project", project;
};

absl::StatusOr<int> Usage(Session& session, const UsageArguments& arguments) {
  const absl::Time now = absl::Now();
  v1::GetUsageRequest request;
  if (!arguments.since.empty()) {
    LRTI_ASSIGN_OR_RETURN(const absl::Time since, ParseMoment(arguments.since, now));
    request.mutable_since()->set_seconds(absl::ToUnixSeconds(since));
  }
  if (!arguments.until.empty()) {
    LRTI_ASSIGN_OR_RETURN(const absl::Time until, ParseMoment(arguments.until, now));
    request.mutable_until()->set_seconds(absl::ToUnixSeconds(until));
  }
  request.set_by(arguments.by);
  request.set_project(arguments.project);
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  const auto usage = [&] {
    const Notice notice = session.Waiting();
    return client->Usage(request);
  }();
  if (!usage.ok()) return usage.status();
  LRTI_RETURN_IF_ERROR(session.Show(UsageListing(*usage, arguments.by)));
  return kOk;
}

}  // namespace

void AddUsage(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<UsageArguments>();
  CLI::App* verb =
      AddVerb(app, session, "usage",
              "GPU-days from the ledger: allocated, productive, and (-o wide) wasted by cause.",
              [&session, arguments] { return Usage(session, *arguments); });
  verb->add_option("--since", arguments->since, "30d, 2026-03-01 or 2026-03-01T10:00:00Z");
  verb->add_option("--until", arguments->until, "The same; default: now");
  verb->add_option("--by", arguments->by, "project, user, queue or job")
      ->check(CLI::IsMember({"project", "user", "queue", "job"}));
  verb->add_option("--project", arguments->project, "Of this project alone");
}

}  // namespace lrti::ctl
