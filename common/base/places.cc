#include "common/base/places.h"

#include <cstdlib>

namespace lrti {
namespace {

std::string Under(const Variables& variable, const std::string& xdg, const std::string& home) {
  // The XDG specification: a relative path is to be ignored.
  if (const std::string base = variable(xdg); base.starts_with("/")) return base + "/lrti";
  const std::string user = variable("HOME");
  return user.empty() ? "" : user + "/" + home + "/lrti";
}

}  // namespace

std::string ProcessVariable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

std::string ConfigFolder(const Variables& variable) {
  return Under(variable, "XDG_CONFIG_HOME", ".config");
}

std::string StateFolder(const Variables& variable) {
  if (const std::string own = variable("LRTI_STATE"); !own.empty()) return own;
  return Under(variable, "XDG_STATE_HOME", ".local/state");
}

std::string RuntimeFolder(const Variables& variable) {
  const std::string base = variable("XDG_RUNTIME_DIR");
  return base.starts_with("/") ? base + "/lrti" : StateFolder(variable);
}

}  // namespace lrti
