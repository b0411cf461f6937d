#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/time/clock.h"
#include "cli/ctl/certs/authority.h"
#include "cli/ctl/certs/token.h"
#include "cli/ctl/commands/exit_code.h"
#include "cli/ctl/commands/session.h"
#include "cli/ctl/commands/verbs.h"
#include "common/base/status.h"

namespace lrti::ctl {
namespace {

absl::StatusOr<int> InitCerts(Session& session, AuthorityOptions options) {
  if (options.folder.empty()) {
    const std::string config = ConfigFolder(session.variable());
    if (config.empty()) return InvalidArgument("name a folder: --dir DIR");
    options.folder = config + "/certs";
  }
  LRTI_ASSIGN_OR_RETURN(const std::vector<std::string> paths, MakeAuthority(options, absl::Now()));
  for (const std::string& path : paths) session.console().Print(path + "\n");
  const std::string& folder = options.folder;
  session.console().Say(fmt::format(
      "next: on the coordinator's machine\n"
      "  security: {{ca: {0}/ca.pem, certificate: {0}/server.pem, key: {0}/server.key}}\n"
      "and for lrti-worker and lrti-ctl ({1})\n"
      "  security: {{ca: {0}/ca.pem, certificate: {0}/client.pem, key: {0}/client.key}}\n"
      "Keep {0}/ca.key away from machines that do not need it.",
      folder, UserFile(session.variable())));
  return kOk;
}

absl::StatusOr<int> TokenNew(Session& session, const std::string& role, const std::string& project,
                             const std::string& user) {
  LRTI_ASSIGN_OR_RETURN(const NewToken made, MakeToken(role, project, user));
  session.console().Print(made.token + "\n" + made.line + "\n");
  session.console().Say(
      fmt::format("The first line is the token: it is shown only now, and {} stores it with "
                  "lrti-ctl login.\nThe second belongs in the coordinator's file of tokens.",
                  user));
  return kOk;
}

}  // namespace

void AddCerts(CLI::App& app, Session& session) {
  CLI::App* certs = app.add_subcommand("certs", "Certificates between machines.");
  certs->require_subcommand(1);
  auto options = std::make_shared<AuthorityOptions>();
  CLI::App* init =
      AddVerb(*certs, session, "init",
              "Make a local authority, a certificate for servers and one for clients (EC P-256).",
              [&session, options] { return InitCerts(session, *options); });
  init->add_option("--dir", options->folder, "Where; default: certs in the config folder");
  init->add_option("--host", options->hosts,
                   "Name or address of a server, besides localhost (may be repeated)");
  init->add_flag("--force", options->force, "Overwrite what is there");

  CLI::App* token = app.add_subcommand("token", "Who may do what.");
  token->require_subcommand(1);
  struct Arguments {
    std::string role, project = "*", user;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* make =
      AddVerb(*token, session, "new", "Make a token, and the line by which a coordinator knows it.",
              [&session, arguments] {
                return TokenNew(session, arguments->role, arguments->project, arguments->user);
              });
  make->add_option("--role", arguments->role, "viewer, user, admin, or agent for lrti-worker")
      ->required();
  make->add_option("--project", arguments->project, "Where it counts; *: everywhere");
  make->add_option("--user", arguments->user, "Whose it is")->required();
}

}  // namespace lrti::ctl
