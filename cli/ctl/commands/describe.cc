#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/time/clock.h"
#include "cli/ctl/client/message_json.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/job_views.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

constexpr int64_t kLogLines = 5;

// The last lines that the job wrote; empty where it wrote none.
std::string LastLines(Session& session, Client& client, const v1::Job& job) {
  if (job.attempt() == 0) return "";
  v1::TailLogsRequest request;
  request.set_job(job.id());
  request.set_rank(0);
  request.set_tail_lines(kLogLines);
  std::string text;
  const absl::Status status = client.TailLogs(
      request, session.interrupt(), [&text](const v1::LogChunk& chunk) { text += chunk.data(); });
  if (!status.ok()) session.console().Say("the log is left out: " + Message(status));
  std::string lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines += "  " + text.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return lines.empty() ? "" : "Last lines of rank 0\n" + lines;
}

// Whether a page is wanted, or what programs read.
absl::StatusOr<bool> WantsPage(Session& session) {
  LRTI_ASSIGN_OR_RETURN(const Format format, session.OutputFormat());
  return format == Format::kTable || format == Format::kWide;
}

absl::Status ShowMessage(Session& session, const nlohmann::ordered_json& json,
                         const std::string& name) {
  LRTI_ASSIGN_OR_RETURN(const Format format, session.OutputFormat());
  if (format == Format::kCsv) {
    return InvalidArgument("-o csv is for listings; lrti-ctl get -o csv gives a job's row");
  }
  session.console().Print(format == Format::kName   ? name + "\n"
                          : format == Format::kYaml ? YamlText(json)
                                                    : JsonText(json));
  return absl::OkStatus();
}

absl::StatusOr<int> Describe(Session& session, const std::string& name) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  LRTI_ASSIGN_OR_RETURN(const bool page, WantsPage(session));
  const auto job = [&] {
    const Notice notice = session.Waiting();
    return client->Get(name);
  }();
  if (!job.ok()) return job.status();
  if (!page) {
    LRTI_RETURN_IF_ERROR(ShowMessage(session, MessageJson(*job), job->id()));
    return kOk;
  }
  v1::ListTransitionsRequest request;
  request.set_job(job->id());
  LRTI_ASSIGN_OR_RETURN(const v1::ListTransitionsResponse happened, client->Transitions(request));
  session.console().Print(
      JobPage(*job, {happened.transitions().begin(), happened.transitions().end()}, absl::Now()) +
      LastLines(session, *client, *job));
  return kOk;
}

absl::StatusOr<int> Explain(Session& session, const std::string& name) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  LRTI_ASSIGN_OR_RETURN(const bool page, WantsPage(session));
  const auto explanation = [&] {
    const Notice notice = session.Waiting();
    return client->Explain(name);
  }();
  if (!explanation.ok()) return explanation.status();
  if (page) {
    session.console().Print(ExplanationPage(*explanation));
  } else {
    LRTI_RETURN_IF_ERROR(ShowMessage(session, MessageJson(*explanation), explanation->job().id()));
  }
  return kOk;
}

}  // namespace

void AddDescribe(CLI::App& app, Session& session) {
  auto name = std::make_shared<std::string>();
  AddVerb(app, session, "describe",
          "All about a job: where it stands and runs, restarts, what happened, its last words.",
          [&session, name] { return Describe(session, *name); })
      ->add_option("JOB", *name, "Id, or its first letters")
      ->required();
  auto why = std::make_shared<std::string>();
  AddVerb(app, session, "explain", "Why a job waits or has failed, and what to do.",
          [&session, why] { return Explain(session, *why); })
      ->add_option("JOB", *why, "Id, or its first letters")
      ->required();
}

}  // namespace lrti::ctl
