#include "common/config/covered.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "common/config/kinds.h"
#include "common/config/schema.h"

// A named namespace: compilers ask for a definition of conversions to types of an unnamed one.
namespace lrti::config::covered_test {

struct Inner {
  int64_t depth = 1;
  static auto Fields() { return std::tuple{Field{"depth", &Inner::depth, "Depth."}}; }
};
static_assert(Covered<Inner>);

struct OnlyWay {
  static constexpr const char* kType = "only";
  bool fast = false;
  static auto Fields() { return std::tuple{Field{"fast", &OnlyWay::fast, "Fast."}}; }
};
static_assert(Covered<OnlyWay>);

struct Everything {
  bool flag = false;
  int64_t whole = 0;
  uint64_t natural = 0;
  double real = 0;
  std::string text;
  absl::Duration time;
  std::vector<Inner> list;
  std::map<std::string, std::string> labels;
  std::variant<OnlyWay> choice;
  Inner nested;
  Inner inlined;

  static auto Fields() {
    return std::tuple{
        Field{"flag", &Everything::flag, ""},
        Field{"whole", &Everything::whole, ""},
        Field{"natural", &Everything::natural, ""},
        Field{"real", &Everything::real, ""},
        Field{"text", &Everything::text, ""},
        Field{"time", &Everything::time, ""},
        Field{"list", &Everything::list, ""},
        Field{"labels", &Everything::labels, ""},
        Field{"choice", &Everything::choice, ""},
        Field{"nested", &Everything::nested, ""},
        Inline{&Everything::inlined},
    };
  }
};
static_assert(Covered<Everything>);

/// A struct that forgets its last member, one struct for each type of member.
template <typename M>
struct ForgetsLast {
  int64_t kept = 0;
  M forgotten;
  static auto Fields() { return std::tuple{Field{"kept", &ForgetsLast::kept, ""}}; }
};
static_assert(!Covered<ForgetsLast<bool>>);
static_assert(!Covered<ForgetsLast<int64_t>>);
static_assert(!Covered<ForgetsLast<std::string>>);
static_assert(!Covered<ForgetsLast<absl::Duration>>);
static_assert(!Covered<ForgetsLast<std::vector<double>>>);
static_assert(!Covered<ForgetsLast<std::map<std::string, std::string>>>);
static_assert(!Covered<ForgetsLast<std::variant<OnlyWay>>>);
static_assert(!Covered<ForgetsLast<std::variant<OnlyWay, Inner>>>);
static_assert(!Covered<ForgetsLast<Inner>>);
static_assert(!Covered<ForgetsLast<Everything>>);
static_assert(!Covered<ForgetsLast<std::optional<int64_t>>>);
static_assert(!Covered<ForgetsLast<std::array<int64_t, 3>>>);
static_assert(!Covered<ForgetsLast<int64_t[3]>>);
static_assert(!Covered<ForgetsLast<const char*>>);

/// The same with the forgotten member in front.
template <typename M>
struct ForgetsFirst {
  M forgotten;
  int64_t kept = 0;
  static auto Fields() { return std::tuple{Field{"kept", &ForgetsFirst::kept, ""}}; }
};
static_assert(!Covered<ForgetsFirst<bool>>);
static_assert(!Covered<ForgetsFirst<std::string>>);
static_assert(!Covered<ForgetsFirst<std::variant<OnlyWay>>>);
static_assert(!Covered<ForgetsFirst<Inner>>);
static_assert(!Covered<ForgetsFirst<std::optional<int64_t>>>);

struct NoFields {
  int64_t whole = 0;
};
static_assert(!Covered<NoFields>);
static_assert(!Covered<int64_t>);

enum class Named { kOne };
[[maybe_unused]] constexpr auto EnumNames(Named) {
  return std::array{std::pair{Named::kOne, "one"}};
}
enum class Nameless { kOne };
static_assert(NamedEnum<Named>);
static_assert(!NamedEnum<Nameless>);

TEST(Covered, IsDecidedByTheCompiler) {
  // The assertions above are the test; this one says that the file was compiled.
  EXPECT_TRUE(Covered<Everything>);
  EXPECT_FALSE(Covered<ForgetsLast<bool>>);
}

}  // namespace lrti::config::covered_test
