#pragma once

#include <functional>
#include <string>

namespace lrti {

/// Answers a variable of the environment, empty where it is not set.
using Variables = std::function<std::string(const std::string&)>;

std::string ProcessVariable(const std::string& name);

/// `$XDG_CONFIG_HOME/lrti` or ~/.config/lrti; empty where neither is known.
std::string ConfigFolder(const Variables& variable);

/// Where the programs of this machine keep what they must not lose: $LRTI_STATE, else
/// `$XDG_STATE_HOME/lrti` or ~/.local/state/lrti; empty where none is known.
std::string StateFolder(const Variables& variable);

/// Where sockets lie: `$XDG_RUNTIME_DIR/lrti`, else the StateFolder.
std::string RuntimeFolder(const Variables& variable);

}  // namespace lrti
