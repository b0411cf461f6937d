#pragma once

#include <string>
#include <vector>

#include "cli/ctl/commands/session.h"

namespace lrti::ctl {

/// Runs `lrti-ctl` with these words behind its name; gives the exit code.
int RunCommandLine(const std::vector<std::string>& words, Session& session);

}  // namespace lrti::ctl
