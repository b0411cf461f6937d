#include "common/config/text.h"

#include <gtest/gtest.h>

#include <array>

namespace lrti::config {
namespace {

TEST(Nearest, FindsTheNameThatWasMeant) {
  struct Typed {
    const char* typed;
    const char* meant;
  };
  const std::array cases = {
      Typed{"iteratons", "iterations"},
      Typed{"itertaions", "iterations"},
      Typed{"Iterations", "iterations"},
      Typed{"iteration", "iterations"},
      Typed{"sed", "seed"},
      Typed{"LR", "lr"},
      Typed{"tf33", "tf32"},
      Typed{"unlike", ""},
      Typed{"", ""},
      Typed{"l", ""},
      Typed{"xr", ""},
      Typed{"iterationsmany", ""},
  };
  for (const auto& [typed, meant] : cases) {
    SCOPED_TRACE(typed);
    EXPECT_EQ(Nearest(typed, {"iterations", "seed", "lr", "tf32"}), meant);
  }
}

TEST(Suggest, ListsTheKnownNames) {
  EXPECT_EQ(Suggest("sead", {"seed", "lr"}), "did you mean 'seed'? known: seed, lr");
  EXPECT_EQ(Suggest("other", {"seed", "lr"}), "known: seed, lr");
}

TEST(Shown, IsOneShortLineOfWholeCharacters) {
  EXPECT_EQ(Shown("a\nb\tc"), "a b c");
  EXPECT_EQ(Shown("日本"), "日本");
  EXPECT_EQ(Shown(std::string(61, 'a')), std::string(60, 'a') + "...");
  EXPECT_EQ(Shown(std::string(59, 'a') + "日日"), std::string(59, 'a') + "日...");
}

}  // namespace
}  // namespace lrti::config
