#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/job_views.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "common/base/status.h"
#include "common/lifecycle/job_state.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

struct ListArguments {
  std::vector<std::string> states, labels;
  std::string project, queue, user, group;
  size_t limit = 1000;
};

std::string UpperCase(std::string word) {
  for (char& letter : word) letter = static_cast<char>(std::toupper(letter));
  return word;
}

absl::Status AddState(const std::string& word, v1::ListJobsRequest& request) {
  const std::string state = UpperCase(word);
  std::vector<std::string> known;
  for (const auto& entry : lifecycle::kJobStates) {
    if (entry.name == state) {
      request.add_states(state);
      return absl::OkStatus();
    }
    known.emplace_back(entry.name);
  }
  return InvalidArgument("--state: unknown state '{}'; known: {}", word,
                         absl::StrJoin(known, ", "));
}

absl::StatusOr<v1::ListJobsRequest> RequestOf(const ListArguments& arguments) {
  v1::ListJobsRequest request;
  for (const std::string& state : arguments.states) {
    LRTI_RETURN_IF_ERROR(AddState(state, request));
  }
  for (const std::string& label : arguments.labels) {
    const size_t equals = label.find('=');
    if (equals == std::string::npos || equals == 0) {
      return InvalidArgument("-l '{}': write key=value", label);
    }
    (*request.mutable_labels())[label.substr(0, equals)] = label.substr(equals + 1);
  }
  request.set_project(arguments.project);
  request.set_queue(arguments.queue);
  request.set_user(arguments.user);
  request.set_group(arguments.group);
  return request;
}

absl::StatusOr<int> List(Session& session, const ListArguments& arguments) {
  LRTI_ASSIGN_OR_RETURN(const v1::ListJobsRequest request, RequestOf(arguments));
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  const auto jobs = [&] {
    const Notice notice = session.Waiting();
    return client->List(request, arguments.limit);
  }();
  if (!jobs.ok()) return jobs.status();
  LRTI_RETURN_IF_ERROR(session.Show(JobListing(*jobs, absl::Now())));
  if (jobs->size() == arguments.limit) {
    session.console().Say(fmt::format("the newest {}; more with --limit", arguments.limit));
  }
  if (jobs->empty()) session.console().Say("no such jobs; lrti-ctl submit FILE makes one");
  return kOk;
}

absl::StatusOr<int> Get(Session& session, const std::vector<std::string>& names) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  std::vector<v1::Job> jobs;
  for (const std::string& name : names) {
    const Notice notice = session.Waiting();
    LRTI_ASSIGN_OR_RETURN(jobs.emplace_back(), client->Get(name));
  }
  LRTI_RETURN_IF_ERROR(session.ShowOne(JobListing(jobs, absl::Now())));
  return kOk;
}

}  // namespace

void AddList(CLI::App& app, Session& session) {
  auto arguments = std::make_shared<ListArguments>();
  CLI::App* list = AddVerb(app, session, "list", "Jobs, newest first.",
                           [&session, arguments] { return List(session, *arguments); });
  list->alias("ps");
  list->add_option("--state", arguments->states, "In these states (may be repeated)")
      ->allow_extra_args(false);
  list->add_option("--project", arguments->project, "Of this project");
  list->add_option("--queue", arguments->queue, "Of this queue");
  list->add_option("--user", arguments->user, "Of this user");
  list->add_option("--group", arguments->group, "Of this group, such as a sweep");
  list->add_option("-l,--label", arguments->labels, "With this label, key=value (may be repeated)")
      ->allow_extra_args(false);
  list->add_option("--limit", arguments->limit, "At most so many")
      ->check(CLI::Range(size_t{1}, size_t{100000}));

  auto names = std::make_shared<std::vector<std::string>>();
  CLI::App* get = AddVerb(app, session, "get", "Jobs by their ids; -o yaml shows all of one.",
                          [&session, names] { return Get(session, *names); });
  get->add_option("JOB", *names, "Ids, or their first letters")->required();
}

}  // namespace lrti::ctl
