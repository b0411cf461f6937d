#include "common/base/places.h"

#include <gtest/gtest.h>

#include <map>

namespace lrti {
namespace {

TEST(Places, FollowXdgAndIgnoreRelativePaths) {
  std::map<std::string, std::string> variables = {{"HOME", "/home/a"}};
  const Variables variable = [&](const std::string& name) { return variables[name]; };
  EXPECT_EQ(ConfigFolder(variable), "/home/a/.config/lrti");
  EXPECT_EQ(StateFolder(variable), "/home/a/.local/state/lrti");
  variables["XDG_STATE_HOME"] = "relative";
  EXPECT_EQ(StateFolder(variable), "/home/a/.local/state/lrti");
  variables["XDG_STATE_HOME"] = "/state";
  EXPECT_EQ(StateFolder(variable), "/state/lrti");
  variables["LRTI_STATE"] = "/elsewhere";
  EXPECT_EQ(StateFolder(variable), "/elsewhere");
  EXPECT_EQ(RuntimeFolder(variable), "/elsewhere");
  variables["XDG_RUNTIME_DIR"] = "/run/user/7";
  EXPECT_EQ(RuntimeFolder(variable), "/run/user/7/lrti");
  EXPECT_EQ(StateFolder([](const std::string&) { return std::string(); }), "");
}

}  // namespace
}  // namespace lrti
