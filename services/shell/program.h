#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace CLI {
class App;
}

namespace lrti::shell {

/// Exit codes of every service.
enum ExitCode : int { kDone = 0, kFailure = 1, kBadInput = 2, kInterrupted = 130 };

/// Tells a person on stderr what went wrong, and gives the exit code for it.
int Report(const std::string& program, const absl::Status& status);

/// Reads the command line; false: the program ends with `exit_code` (--help, a bad flag).
bool ParseFlags(CLI::App& app, int argc, char** argv, int& exit_code);

/// `host` of `listen` with the port that the system chose; empty for no address.
std::string Bound(const std::string& listen, uint16_t port);

/// For an address of `program` that is taken: what to do about it, and which field `key` names it.
/// Other errors stay as they are.
absl::Status ExplainTaken(const absl::Status& status, const std::string& program,
                          const std::string& key);

}  // namespace lrti::shell
