#include <memory>
#include <random>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "cli/ctl/client/message_json.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/follow.h"
#include "cli/ctl/commands/job_views.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "cli/ctl/commands/wait_for.h"
#include "cli/ctl/output/human.h"
#include "cli/ctl/sweep/job_files.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/config/dump.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

constexpr int kTries = 5;
constexpr absl::Duration kFirstPause = absl::Milliseconds(200);

struct SubmitArguments {
  std::vector<std::string> files, overrides;
  std::string request_id, group, longest;
  bool hold = false, wait = false, dry_run = false;
};

// One job that will be sent.
struct Outgoing {
  std::string name;
  std::string config;
  std::string group;
};

std::string RandomHex(int digits) {
  std::random_device random;
  std::string text;
  while (static_cast<int>(text.size()) < digits) text += fmt::format("{:08x}", random());
  return text.substr(0, static_cast<size_t>(digits));
}

// Of one of several jobs.
std::string RequestIdOf(const std::string& base, size_t place) {
  return fmt::format("{}-{}", base, place + 1);
}

// Of a sweep, by the request of its first job: the same when that is sent again.
std::string GroupOf(const JobFile& file, const std::string& request_id) {
  constexpr size_t kDigits = 6;
  return file.name + "-" + Sha256Hex(request_id).substr(0, kDigits);
}

// All jobs of all files: nothing is sent while one of them is wrong.
absl::StatusOr<std::vector<Outgoing>> ReadAll(const SubmitArguments& arguments,
                                              const std::string& request_id) {
  std::vector<Outgoing> jobs;
  for (const std::string& path : arguments.files) {
    LRTI_ASSIGN_OR_RETURN(const JobFile file, ReadJobFile(path, arguments.overrides));
    std::string group = arguments.group;
    if (group.empty() && file.is_sweep) {
      group = GroupOf(file, RequestIdOf(request_id, jobs.size()));
    }
    for (const job::Job& job : file.jobs) {
      jobs.push_back({job.metadata.name, config::Dump(job), group});
    }
  }
  return jobs;
}

// Sends a job; sends the same request again while the coordinator is away, which takes it once.
absl::StatusOr<v1::Job> Send(Session& session, const v1::SubmitJobRequest& request) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  absl::Duration pause = kFirstPause;
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<v1::Job> job = [&] {
      const Notice notice = session.Waiting();
      return client->Submit(request);
    }();
    const bool again = absl::IsUnavailable(job.status()) || absl::IsDeadlineExceeded(job.status());
    if (!again || attempt == kTries) return job;
    session.console().Say(
        fmt::format("no answer; it is sent again ({} of {})", attempt + 1, kTries));
    if (session.interrupt().WaitFor(pause)) return absl::CancelledError("interrupted");
    pause *= 2;
  }
}

void SayNext(const Session& session, const std::vector<v1::Job>& jobs) {
  const std::string& id = jobs.front().id();
  if (!jobs.front().group().empty()) {
    session.console().Say(
        fmt::format("next: lrti-ctl list --group {0}, lrti-ctl table {0}", jobs.front().group()));
  } else if (jobs.front().pending_reason() == "OnHold") {
    session.console().Say(fmt::format("next: lrti-ctl resume {} starts it", id));
  } else {
    session.console().Say(
        fmt::format("next: lrti-ctl logs -f {0}, lrti-ctl explain {0}, lrti-ctl top", id));
  }
}

absl::Status ShowSubmitted(Session& session, const std::vector<v1::Job>& jobs) {
  LRTI_ASSIGN_OR_RETURN(const Format format, session.OutputFormat());
  // The ids alone, for scripts, unless more is asked for.
  const bool ids = session.flags().output.empty();
  session.console().Print(
      Render(JobListing(jobs, absl::Now()), ids ? Format::kName : format, session.console().color));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Job>> SendAll(Session& session, const SubmitArguments& arguments,
                                             const std::string& request_id,
                                             const std::vector<Outgoing>& outgoing) {
  std::vector<v1::Job> jobs;
  for (const Outgoing& job : outgoing) {
    v1::SubmitJobRequest request;
    request.set_request_id(outgoing.size() == 1 ? request_id
                                                : RequestIdOf(request_id, jobs.size()));
    request.set_config(job.config);
    request.set_hold(arguments.hold);
    request.set_user(session.User());
    request.set_group(job.group);
    auto sent = Send(session, request);
    if (!sent.ok()) {
      if (!jobs.empty()) {
        session.console().Warn(
            fmt::format("{} of {} jobs were sent; the same command with --request-id {} sends the "
                        "rest and none twice",
                        jobs.size(), outgoing.size(), request_id));
      }
      return Error(sent.status().code(), "{}: {}", job.name, Message(sent.status()));
    }
    session.console().Say(
        fmt::format("submitted {} as {} ({})", sent->name(), sent->id(), sent->state()));
    jobs.push_back(*std::move(sent));
  }
  return jobs;
}

absl::StatusOr<int> Submit(Session& session, const SubmitArguments& arguments) {
  absl::Duration longest = absl::InfiniteDuration();
  if (!arguments.longest.empty()) {
    LRTI_ASSIGN_OR_RETURN(longest, ParseDuration(arguments.longest));
  }
  const std::string request_id =
      arguments.request_id.empty() ? RandomHex(32) : arguments.request_id;
  LRTI_ASSIGN_OR_RETURN(const std::vector<Outgoing> outgoing, ReadAll(arguments, request_id));
  if (arguments.dry_run) {
    for (const Outgoing& job : outgoing) {
      session.console().Print((outgoing.size() > 1 ? "---\n" : "") + job.config);
    }
    session.console().Say(fmt::format("well-formed; {} job{} would be sent", outgoing.size(),
                                      outgoing.size() == 1 ? "" : "s"));
    return kOk;
  }
  LRTI_ASSIGN_OR_RETURN(const std::vector<v1::Job> jobs,
                        SendAll(session, arguments, request_id, outgoing));
  LRTI_RETURN_IF_ERROR(ShowSubmitted(session, jobs));
  if (!arguments.wait) {
    SayNext(session, jobs);
    return kOk;
  }
  session.interrupt().TakeSignals();
  std::vector<std::string> ids;
  for (const v1::Job& job : jobs) ids.push_back(job.id());
  const auto code = WaitForJobs(session, ids, longest);
  if (session.interrupt().asked()) {
    return Detached(session, ids.front(), "lrti-ctl wait " + ids.front());
  }
  return code;
}

// Whether the coordinator would take it and could run it.
absl::StatusOr<int> AskServer(Session& session, const std::string& name,
                              const std::string& config) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  absl::StatusOr<v1::ValidateJobResponse> answer = [&] {
    const Notice notice = session.Waiting();
    return client->Validate(config);
  }();
  if (!answer.ok()) return answer.status();
  for (const std::string& finding : answer->findings()) {
    session.console().Warn(fmt::format("{}: {}", name, finding));
  }
  if (!answer->findings().empty()) return kBadInput;
  session.console().Print(answer->fits() ? name + ": ok, it fits the agents that are there\n"
                                         : name + ": ok, but no agent could run it now\n");
  if (!answer->fits() && !answer->advice().empty()) session.console().Say(answer->advice());
  return kOk;
}

absl::StatusOr<int> Validate(Session& session, const std::vector<std::string>& files,
                             const std::vector<std::string>& overrides, bool server) {
  int code = kOk;
  for (const std::string& path : files) {
    const auto file = ReadJobFile(path, overrides);
    if (!file.ok()) {
      session.console().Warn("error: " + Message(file.status()));
      code = kBadInput;
      continue;
    }
    if (!server) {
      const std::string jobs =
          file->is_sweep ? fmt::format(", a sweep of {} jobs", file->jobs.size()) : "";
      session.console().Print(fmt::format("{}: ok{}\n", path, jobs));
      continue;
    }
    for (const job::Job& job : file->jobs) {
      LRTI_ASSIGN_OR_RETURN(const int answer,
                            AskServer(session, job.metadata.name, config::Dump(job)));
      if (answer != kOk) code = answer;
    }
  }
  return code;
}

}  // namespace

void AddSubmit(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<SubmitArguments>();
  CLI::App* verb = AddVerb(
      app, session, "submit",
      "Send jobs to the coordinator; prints their ids. A file with a sweep: block is many jobs.",
      [&session, arguments] { return Submit(session, *arguments); });
  verb->add_option("FILE", arguments->files, "Job files")->required();
  verb->add_option("--set", arguments->overrides,
                   "Change a field first: spec.train.iterations=100 (may be repeated)")
      ->allow_extra_args(false);
  verb->add_flag("--hold", arguments->hold, "Let them wait for lrti-ctl resume");
  verb->add_flag("--wait", arguments->wait, "Wait until they have ended; see wait for exit codes");
  verb->add_option("--timeout", arguments->longest, "With --wait: at most so long, 2h");
  verb->add_option("--request-id", arguments->request_id,
                   "The same one sends the same job only once, however often");
  verb->add_option("--group", arguments->group, "Name for these jobs together");
  verb->add_flag("-n,--dry-run", arguments->dry_run, "Send nothing, print what would be sent");

  struct Check {
    std::vector<std::string> files, overrides;
    bool server = false;
  };
  auto check = std::make_shared<Check>();
  CLI::App* validate =
      AddVerb(app, session, "validate", "Check job files: ok, or every error with its place.",
              [&session, check] {
                return Validate(session, check->files, check->overrides, check->server);
              });
  validate->add_option("FILE", check->files, "Job files")->required();
  validate->add_option("--set", check->overrides, "Change a field first (may be repeated)")
      ->allow_extra_args(false);
  validate->add_flag("--server", check->server,
                     "Ask the coordinator, too, and whether the job could run there");
}

}  // namespace lrti::ctl
