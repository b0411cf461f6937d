#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/time/clock.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/job_views.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

using Method = absl::StatusOr<v1::Job> (Client::*)(const v1::JobRequest&);

struct ControlVerb {
  const char* name;
  const char* help;
  Method method;
};

// Does it to each job, also when one of them cannot be; the exit code is of the first that failed.
absl::StatusOr<int> ForEachJob(
    Session& session, const std::vector<std::string>& names,
    const std::function<absl::StatusOr<v1::Job>(const std::string&)>& act) {
  LRTI_ASSIGN_OR_RETURN(const Format format, session.OutputFormat());
  std::vector<v1::Job> jobs;
  int code = kOk;
  for (const std::string& name : names) {
    const auto job = [&] {
      const Notice notice = session.Waiting();
      return act(name);
    }();
    if (!job.ok()) {
      session.Tell(Error(job.status().code(), "{}: {}", name, Message(job.status())));
      if (code == kOk) code = ExitCodeOf(job.status());
      continue;
    }
    session.console().Say(fmt::format("{} {} is {}{}", job->id(), job->name(), job->state(),
                                      job->message().empty() ? "" : ": " + job->message()));
    jobs.push_back(*job);
  }
  if (session.flags().output.empty() || jobs.empty()) return code;
  session.console().Print(Render(JobListing(jobs, absl::Now()), format, session.console().color));
  return code;
}

absl::StatusOr<int> Control(Session& session, const std::vector<std::string>& names,
                            Method method) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  return ForEachJob(session, names, [&](const std::string& name) {
    v1::JobRequest request;
    request.set_job(name);
    request.set_user(session.User());
    return (client->*method)(request);
  });
}

absl::StatusOr<int> SetPriority(Session& session, const std::vector<std::string>& names,
                                int64_t priority) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  return ForEachJob(session, names, [&](const std::string& name) {
    v1::SetPriorityRequest request;
    request.set_job(name);
    request.set_priority(priority);
    request.set_user(session.User());
    return client->SetPriority(request);
  });
}

}  // namespace

void AddControl(CLI::App& app, Session& session) {
  for (const ControlVerb& control : {
           ControlVerb{"pause", "Save a checkpoint and free the GPUs, until resume.",
                       &Client::Pause},
           ControlVerb{"resume", "Let paused jobs, and those submitted on hold, go on.",
                       &Client::Resume},
           ControlVerb{"cancel", "End jobs. retry begins them again.", &Client::Cancel},
           ControlVerb{"retry", "Begin failed or cancelled jobs again from their checkpoints.",
                       &Client::Retry},
       }) {
    auto names = std::make_shared<std::vector<std::string>>();
    AddVerb(app, session, control.name, control.help,
            [&session, names, method = control.method] { return Control(session, *names, method); })
        ->add_option("JOB", *names, "Ids, or their first letters")
        ->required();
  }
  struct Arguments {
    int64_t priority = 0;
    std::vector<std::string> names;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* verb =
      AddVerb(app, session, "priority", "Change the priority of jobs; higher ones run first.",
              [&session, arguments] {
                return SetPriority(session, arguments->names, arguments->priority);
              });
  verb->add_option("PRIORITY", arguments->priority, "0 to 100")
      ->required()
      ->check(CLI::Range(int64_t{0}, int64_t{100}));
  verb->add_option("JOB", arguments->names, "Ids, or their first letters")->required();
}

}  // namespace lrti::ctl
