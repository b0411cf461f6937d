#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "common/base/status.h"
#include "common/config/dump.h"
#include "common/config/node.h"

namespace lrti::ctl {
namespace {

absl::StatusOr<int> View(Session& session, bool origin) {
  LRTI_ASSIGN_OR_RETURN(const FoundSettings* const found, session.Config());
  // As a settings file, which is YAML, unless rows are asked for.
  const std::string& output = session.flags().output;
  if (!origin && (output.empty() || output == "yaml")) {
    session.console().Print(config::Dump(found->settings));
    return kOk;
  }
  const config::Node tree = config::ToNode(found->settings);
  Listing listing;
  listing.columns = {{"setting"}, {"value"}, {"origin"}};
  for (const std::string& path : SettingPaths()) {
    const config::Node* const value = config::At(tree, path);
    listing.rows.push_back({path, value->text, found->origins.at(path)});
    listing.json.push_back(
        {{"setting", path}, {"value", value->text}, {"origin", found->origins.at(path)}});
  }
  LRTI_RETURN_IF_ERROR(session.Show(listing));
  return kOk;
}

}  // namespace

void AddConfig(CLI::App& app, Session& session) {
  CLI::App* config = app.add_subcommand("config", "What lrti-ctl itself is told.");
  config->require_subcommand(1);
  auto origin = std::make_shared<bool>(false);
  AddVerb(*config, session, "view",
          "All settings, as a settings file: flags decide, then LRTI_*, ./lrti.yaml, the user's "
          "file, the login, /etc/lrti/config.yaml, a stack that runs here, defaults.",
          [&session, origin] { return View(session, *origin); })
      ->add_flag("--origin", *origin, "Also where each comes from");
  AddVerb(*config, session, "path", "Where the user's settings file is.", [&session] {
    session.console().Print(UserFile(session.variable()) + "\n");
    return kOk;
  });
}

}  // namespace lrti::ctl
