#include "CLI/CLI.hpp"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "common/lifecycle/reference.h"

namespace lrti::ctl {

void AddDocs(CLI::App& app, Session& session) {
  CLI::App* const docs =
      app.add_subcommand("docs", "Print what is made from the declarations in the code.");
  docs->require_subcommand(1);
  AddVerb(*docs, session, "reasons", "Why jobs wait and end, and what to do, in Markdown.",
          []() -> absl::StatusOr<int> {
            std::fputs(lifecycle::ReasonsPage().c_str(), stdout);
            return kOk;
          });
}

}  // namespace lrti::ctl
