#include "common/config/override.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/config/load.h"
#include "common/config/sample_for_test.h"

namespace lrti::config {
namespace {

std::string Changed(const std::string& yaml, const std::vector<std::string>& assignments) {
  const auto text = ApplyOverrides(yaml, assignments);
  return text.ok() ? *text : Message(text.status());
}

struct Change {
  const char* yaml;
  const char* assignment;
  const char* result;
};

TEST(ApplyOverrides, ChangesOneValueAndKeepsTheRest) {
  const std::array cases = {
      Change{"{a: 1, b: 2}", "a=3", "a: 3\nb: 2\n"},
      Change{"{a: {b: 1, c: x}}", "a.b=2e-4", "a:\n  b: 2e-4\n  c: x\n"},
      Change{"{a: [1, 2]}", "a.1=3", "a: [1, 3]\n"},
      Change{"{a: [1, 2]}", "a.2=3", "a: [1, 2, 3]\n"},
      Change{"{a: [{b: 1}]}", "a.0.b=2", "a:\n  - b: 2\n"},
      Change{"{a: [{b: 1}]}", "a.1.b=2", "a:\n  - b: 1\n  - b: 2\n"},
      Change{"a: [1]", "a=[3, 4]", "a: [3, 4]\n"},
      Change{"a: 1", "a={type: x, m: 2}", "a:\n  type: x\n  m: 2\n"},
      Change{"a: 1", "a=", "a: \"\"\n"},
      Change{"a: 1", "a=~", "a: null\n"},
      Change{"a: 1", "a='3'", "a: \"3\"\n"},
      Change{"a: 1", "a=x=y", "a: \"x=y\"\n"},
      Change{"a: 1", "a=000", "a: 000\n"},
      Change{"a:", "a.b=1", "a:\n  b: 1\n"},
      Change{"", "a.b.c=1", "a:\n  b:\n    c: 1\n"},
      Change{"", "a.0.b=1", "a:\n  - b: 1\n"},
      Change{"{s: '1', t: \"yes\", u: 1.50}", "v=1", "s: \"1\"\nt: \"yes\"\nu: 1.50\nv: 1\n"},
  };
  for (const auto& [yaml, assignment, result] : cases) {
    SCOPED_TRACE(std::string(yaml) + " with " + assignment);
    EXPECT_EQ(Changed(yaml, {assignment}), result);
  }
}

TEST(ApplyOverrides, AppliesAllInTheirOrder) {
  EXPECT_EQ(Changed("a: 1", {"a=2", "b=3", "a=4"}), "a: 4\nb: 3\n");
  EXPECT_EQ(Changed("b: 2\na: 1", {}), "b: 2\na: 1\n");
}

TEST(ApplyOverrides, RefusesWithTheAssignmentAndTheReason) {
  const std::array cases = {
      Change{"", "a", "override 'a': write path=value, such as spec.train.iterations=100"},
      Change{"", "=1", "override '=1': the path has an empty part"},
      Change{"", "a..b=1", "override 'a..b=1': the path has an empty part"},
      Change{"a: 1", "a.b=1", "override 'a.b=1': a is a single value; it has no 'b'"},
      Change{"a: [1]", "a.b=1",
             "override 'a.b=1': a is a list of 1; 'b' is no place in it, write a number such as 0"},
      Change{
          "a: [1]", "a.-1=1",
          "override 'a.-1=1': a is a list of 1; '-1' is no place in it, write a number such as 0"},
      Change{"a: [1]", "a.3=1", "override 'a.3=1': a is a list of 1; 3 is beyond its end"},
      Change{
          "", "a=[1",
          "override 'a=[1': line 1, column 1: a key must be text (or a bracket is never closed)"},
      Change{"a: [", "a=1", "line 1, column 4: a bracket is never closed"},
      Change{"x", "a=1", "override 'a=1': the document is a single value; it has no 'a'"},
  };
  for (const auto& [yaml, assignment, message] : cases) {
    SCOPED_TRACE(assignment);
    EXPECT_EQ(Changed(yaml, {assignment}), message);
  }
  EXPECT_EQ(ApplyOverrides("", {"a"}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ApplyOverrides, BoundsThePath) {
  std::string path = "a";
  for (size_t i = 0; i < kDepthMax; ++i) path += ".a";
  EXPECT_NE(Changed("", {path + "=1"}).find("the path has 33 parts; 32 are allowed"),
            std::string::npos);
}

TEST(Override, IsNamedWhereTheValueIsRefused) {
  auto root = ParseYaml("{legs: 0, home: {where: x}}");
  ASSERT_TRUE(root.ok());
  ASSERT_TRUE(Override("legs=99", *root).ok());
  ASSERT_TRUE(Override("home.were=y", *root).ok());
  Findings findings;
  Load<sample::Trip>(*root, findings);
  EXPECT_EQ(Message(findings.ToStatus()),
            "legs (override): 99 is above 40\n"
            "home.were (override): unknown key; did you mean 'where'? known: where, height, stay");
}

}  // namespace
}  // namespace lrti::config
