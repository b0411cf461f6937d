#include "services/shell/program.h"

#include <cstdio>
#include <cstdlib>

#include "CLI/CLI.hpp"
#include "common/base/status.h"

namespace lrti::shell {

int Report(const std::string& program, const absl::Status& status) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), Message(status).c_str());
  const bool bad_input = absl::IsInvalidArgument(status) || absl::IsNotFound(status);
  return bad_input ? kBadInput : kFailure;
}

bool ParseFlags(CLI::App& app, int argc, char** argv, int& exit_code) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_code = app.exit(error) == 0 ? kDone : kBadInput;
    return false;
  }
  return true;
}

std::string Bound(const std::string& listen, uint16_t port) {
  return listen.empty() ? "" : fmt::format("{}:{}", listen.substr(0, listen.rfind(':')), port);
}

absl::Status ExplainTaken(const absl::Status& status, const std::string& program,
                          const std::string& key) {
  if (!absl::IsUnavailable(status)) return status;
  return Error(absl::StatusCode::kUnavailable,
               "{}. Is another {} running? Choose another address for it ({}; port 0 lets the "
               "system choose)",
               Message(status), program, key);
}

}  // namespace lrti::shell
