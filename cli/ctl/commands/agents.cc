#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/time/clock.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "cli/ctl/commands/views.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

using AgentMethod = absl::StatusOr<v1::Agent> (Client::*)(const v1::AgentRequest&);

struct AgentVerb {
  const char* name;
  const char* help;
  AgentMethod method;
};

absl::StatusOr<int> ListAgents(Session& session, bool devices) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  const auto agents = [&] {
    const Notice notice = session.Waiting();
    return client->Agents();
  }();
  if (!agents.ok()) return agents.status();
  LRTI_RETURN_IF_ERROR(
      session.Show(devices ? DeviceListing(*agents) : AgentListing(*agents, absl::Now())));
  if (agents->agents().empty()) {
    session.console().Say(
        "no agents; lrti-ctl up starts one here, or lrti-worker --coordinator ...");
  }
  return kOk;
}

absl::StatusOr<int> Change(Session& session, const std::vector<std::string>& names,
                           const std::string& why, AgentMethod method) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  for (const std::string& name : names) {
    v1::AgentRequest request;
    request.set_agent(name);
    request.set_user(session.User());
    request.set_message(why);
    const auto agent = [&] {
      const Notice notice = session.Waiting();
      return (client->*method)(request);
    }();
    if (!agent.ok()) return agent.status();
    session.console().Say(fmt::format("{} is {}", agent->id(), agent->state()));
  }
  return kOk;
}

absl::StatusOr<int> ListQueues(Session& session) {
  LRTI_ASSIGN_OR_RETURN(Client* const client, session.Coordinator());
  const auto queues = [&] {
    const Notice notice = session.Waiting();
    return client->Queues();
  }();
  if (!queues.ok()) return queues.status();
  LRTI_RETURN_IF_ERROR(session.Show(QueueListing(*queues)));
  return kOk;
}

}  // namespace

void AddAgents(CLI::App& app, Session& session) {
  CLI::App* agents = app.add_subcommand("agents", "The machines that jobs run on.");
  agents->require_subcommand(1);
  auto devices = std::make_shared<bool>(false);
  AddVerb(*agents, session, "ls", "All agents.", [&session, devices] {
    return ListAgents(session, *devices);
  })->add_flag("--devices", *devices, "Each GPU a row, with its job");
  struct Arguments {
    std::vector<std::string> names;
    std::string why;
  };
  for (const AgentVerb& verb : {
           AgentVerb{"drain", "Take no new work; what runs there saves and moves elsewhere.",
                     &Client::Drain},
           AgentVerb{"undrain", "Take work again, after drain or quarantine.", &Client::Undrain},
           AgentVerb{"quarantine", "Take no new work; what runs there goes on.",
                     &Client::Quarantine},
       }) {
    auto arguments = std::make_shared<Arguments>();
    CLI::App* command = AddVerb(*agents, session, verb.name, verb.help,
                                [&session, arguments, method = verb.method] {
                                  return Change(session, arguments->names, arguments->why, method);
                                });
    command->add_option("AGENT", arguments->names, "Names of agents")->required();
    command->add_option("-m,--message", arguments->why, "Why, for others to read");
  }
  AddVerb(app, session, "queues", "Queues, their quotas, and what waits in them for what.",
          [&session] { return ListQueues(session); });
}

}  // namespace lrti::ctl
