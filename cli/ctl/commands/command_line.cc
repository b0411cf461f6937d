#include "cli/ctl/commands/command_line.h"

#include <algorithm>
#include <sstream>

#include "CLI/CLI.hpp"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/verbs.h"

namespace lrti::ctl {
namespace {

void AddGlobalFlags(CLI::App& app, Session& session) {
  GlobalFlags& flags = session.flags();
  app.add_option("--coordinator", flags.coordinator, "HOST:PORT of the coordinator")->take_last();
  app.add_option("-o,--output", flags.output, "table, wide, json, yaml, csv or name")->take_last();
  app.add_option("--answer-in", flags.timeout, "Longest wait for an answer: 10s")->take_last();
  app.add_flag("-q,--quiet", flags.quiet, "No talk on stderr but errors");
}

void AddVerbs(CLI::App& app, Session& session) {
  for (const auto add :
       {AddUp,    AddSubmit,  AddList,   AddDescribe, AddLogs,   AddMetrics, AddTop,
        AddWait,  AddControl, AddEvents, AddTable,    AddUsage,  AddAgents,  AddCheckpoints,
        AddCache, AddConfig,  AddLogin,  AddCerts,    AddDoctor, AddDocs,    AddCompletion}) {
    add(app, session);
  }
}

}  // namespace

CLI::App* AddVerb(CLI::App& app, Session& session, const std::string& name, const std::string& help,
                  std::function<absl::StatusOr<int>()> body) {
  CLI::App* const verb = app.add_subcommand(name, help);
  verb->callback([&session, body = std::move(body)] { session.Run(body); });
  return verb;
}

int RunCommandLine(const std::vector<std::string>& words, Session& session) {
  CLI::App app{"Training jobs on a cluster: submit, follow, steer."};
  app.name("lrti-ctl");
  app.require_subcommand(1);
  app.fallthrough();  // global flags may stand behind the verb
  app.set_version_flag("--version", std::string("lrti-ctl ") + kVersion);
  app.footer(
      "Begin with:\n"
      "  lrti-ctl up                              coordinator, cache and worker on this machine\n"
      "  lrti-ctl submit configs/quickstart.yaml  prints the job's id\n"
      "  lrti-ctl logs -f JOB                     JOB: an id, or its first letters\n"
      "  lrti-ctl top\n"
      "Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 failure, 2 bad flags or files, 3 "
      "no answer\n"
      "from the coordinator, 4 not allowed, 5 conflict; wait, logs -f and submit --wait: 100 the "
      "job failed,\n"
      "101 it goes on, 102 unknown, 103 cancelled; 130 interrupted. More: docs/lrti-ctl.md.");
  AddGlobalFlags(app, session);
  AddVerbs(app, session);
  std::vector<std::string> reversed(words.rbegin(), words.rend());  // as CLI11 takes them
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out, err;
    const bool asked_for = app.exit(error, out, err) == 0;
    session.console().Print(out.str());
    if (!err.str().empty()) session.console().err(err.str());
    return asked_for ? kOk : kBadInput;
  }
  return session.exit_code();
}

}  // namespace lrti::ctl
