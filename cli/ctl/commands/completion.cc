#include <array>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/ctl/commands/completion_scripts.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "common/base/status.h"
#include "lrti/v1/coordinator.pb.h"

namespace lrti::ctl {
namespace {

constexpr absl::Duration kPatience = absl::Milliseconds(500);  // of a person at the Tab key
constexpr size_t kJobsOffered = 200;

// Names for the shell, one a line. Nobody wants errors at the Tab key: then there are none to
// offer.
absl::StatusOr<int> Offer(Session& session, const std::string& kind) {
  const auto found = session.Config();
  if (!found.ok()) return kFailure;
  const Settings& settings = (*found)->settings;
  const auto client = Client::Create({.coordinator = settings.coordinator,
                                      .security = settings.security,
                                      .timeout = std::min(kPatience, settings.timeout)});
  if (!client.ok()) return kFailure;
  if (kind == "agents") {
    const auto agents = (*client)->Agents();
    if (!agents.ok()) return kFailure;
    for (const v1::Agent& agent : agents->agents()) session.console().Print(agent.id() + "\n");
    return kOk;
  }
  const auto jobs = (*client)->List(v1::ListJobsRequest(), kJobsOffered);
  if (!jobs.ok()) return kFailure;
  for (const v1::Job& job : *jobs) session.console().Print(job.id() + "\n");
  return kOk;
}

}  // namespace

void AddCompletion(CLI::App& app, Session& session) {
  CLI::App* completion =
      app.add_subcommand("completion", "Print the shell's completion, with ids of live jobs.");
  completion->require_subcommand(1);
  completion->footer(
      "For bash, in ~/.bashrc:  source <(lrti-ctl completion bash)\n"
      "For zsh, in ~/.zshrc:    source <(lrti-ctl completion zsh)   # behind compinit\n"
      "For fish:                lrti-ctl completion fish > "
      "~/.config/fish/completions/lrti-ctl.fish");
  struct Shell {
    const char* name;
    std::string (*script)(const CLI::App&);
  };
  for (const Shell& shell : {Shell{"bash", BashCompletion}, Shell{"zsh", ZshCompletion},
                             Shell{"fish", FishCompletion}}) {
    AddVerb(*completion, session, shell.name, std::string("For ") + shell.name,
            [&session, &app, script = shell.script] {
              session.console().Print(script(app));
              return kOk;
            });
  }
  auto kind = std::make_shared<std::string>();
  CLI::App* offer =
      AddVerb(app, session, "__complete", "", [&session, kind] { return Offer(session, *kind); });
  offer->add_option("KIND", *kind)->required()->check(CLI::IsMember({"jobs", "agents"}));
  offer->group("");  // hidden
}

}  // namespace lrti::ctl
