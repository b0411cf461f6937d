#pragma once

#include <string>

namespace CLI {
class App;
}

namespace lrti::ctl {

/// Scripts for the Tab key, made from the verbs and flags as they are declared, so that they cannot
/// fall behind them. Where a verb takes JOB or AGENT, the script asks `lrti-ctl __complete`.
std::string BashCompletion(const CLI::App& app);
std::string ZshCompletion(const CLI::App& app);
std::string FishCompletion(const CLI::App& app);

}  // namespace lrti::ctl
