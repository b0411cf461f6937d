#include "common/config/describe.h"

#include <gtest/gtest.h>

#include <array>

#include "common/config/sample_for_test.h"

namespace lrti::config {
namespace {

using Json = nlohmann::ordered_json;
using sample::Trip;

TEST(JsonSchema, IsOfDraft202012AndClosed) {
  const Json schema = JsonSchema<Trip>();
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(schema["type"], "object");
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["required"], Json::parse(R"(["home"])"));
}

TEST(JsonSchema, SaysOfEachFieldWhatItsDeclarationSays) {
  struct Case {
    const char* key;
    const char* schema;
  };
  const std::array cases = {
      Case{"version", R"({"const": "v1", "description": "Of the format.", "default": "v1"})"},
      Case{"dry", R"({"type": "boolean", "description": "No rain | no snow.", "default": true})"},
      Case{"legs", R"({"type": "integer", "minimum": 1, "maximum": 40,
                       "description": "Parts. Unit: legs.", "default": 4})"},
      Case{"seed", R"({"type": "integer", "minimum": 0, "description": "Of chance.",
                       "default": 1})"},
      Case{"speed", R"({"type": "number", "minimum": 0.0, "maximum": 10.0,
                        "description": "How fast.", "default": 1e-07})"},
      Case{"colour", R"({"enum": ["red", "blue", "azure"], "description": "Of the hat.",
                         "default": "red"})"},
      Case{"weights", R"({"type": "array",
                          "items": {"type": "number", "minimum": 0.0, "maximum": 1.0},
                          "minItems": 2, "maxItems": 2, "description": "Of two bags.",
                          "default": [0.25, 0.75]})"},
      Case{"labels", R"({"type": "object", "additionalProperties": {"type": "string"},
                         "description": "Free text.", "default": {}})"},
  };
  const Json schema = JsonSchema<Trip>();
  for (const auto& [key, expected] : cases) {
    SCOPED_TRACE(key);
    EXPECT_EQ(schema["properties"][key], Json::parse(expected));
  }
}

TEST(JsonSchema, MergesInlinedKeys) {
  const Json home = JsonSchema<Trip>()["properties"]["home"];
  EXPECT_EQ(home["required"], Json::parse(R"(["where"])"));
  EXPECT_EQ(home["properties"]["where"]["minLength"], 1);
  EXPECT_EQ(home["properties"]["stay"]["type"], "string");
  EXPECT_EQ(home["properties"]["stay"]["default"], "1h");
  EXPECT_FALSE(home.contains("default"));
}

TEST(JsonSchema, OffersEachAlternativeAndAsksForTheTypeOfAllButTheStandardOne) {
  const Json by = JsonSchema<Trip>()["properties"]["by"];
  ASSERT_EQ(by["oneOf"].size(), 2);
  EXPECT_EQ(by["oneOf"][0]["properties"]["type"]["const"], "walk");
  EXPECT_EQ(by["oneOf"][0]["required"], Json::parse(R"(["type"])"));
  EXPECT_EQ(by["oneOf"][1]["properties"]["type"]["const"], "ride");
  EXPECT_FALSE(by["oneOf"][1].contains("required"));
  EXPECT_EQ(by["oneOf"][1]["properties"]["horse"]["default"], "Ada");
}

TEST(Reference, IsATableForEveryStructAndAlternative) {
  EXPECT_EQ(Reference<Trip>("A trip"), R"(# A trip

| key | type | default | bounds, unit | meaning |
|---|---|---|---|---|
| `version` | `v1` | `v1` |  | Of the format. |
| `dry` | true or false | `true` |  | No rain \| no snow. |
| `legs` | whole number | `4` | 1 to 40, legs | Parts. |
| `seed` | whole number | `1` |  | Of chance. |
| `speed` | number | `1.0e-07` | 0 to 10 | How fast. |
| `colour` | `red`, `blue`, `azure` | `red` |  | Of the hat. |
| `weights` | list: number | `[0.25, 0.75]` | 2 entries, 0 to 1 | Of two bags. |
| `labels` | mapping of text to text | `{}` |  | Free text. |
| `stops` | list: mapping | `[]` |  | On the way. |
| `by` | mapping, `type` `walk`, `ride` | `type: ride` |  | Means of moving. |
| `home` | mapping | required |  | Where it ends. |

## `stops[]`

On the way.

| key | type | default | bounds, unit | meaning |
|---|---|---|---|---|
| `where` | text | required |  | Where it is. |
| `height` | number | `0.5` | at least 0 | Above the sea. |
| `stay` | duration | `10m` | at least 1s | How long. |

## `by`

Means of moving. The key `type` chooses: `walk`, `ride`.

### `by` with `type: walk`

| key | type | default | bounds, unit | meaning |
|---|---|---|---|---|
| `type` | `walk` | `walk` |  | Chooses this kind. |
| `steps` | whole number | `3` | 1 to 9, steps | Steps taken. |

### `by` with `type: ride`

| key | type | default | bounds, unit | meaning |
|---|---|---|---|---|
| `type` | `ride` | `ride` |  | Chooses this kind. |
| `horse` | text | `Ada` |  | Whose back. |
| `steps` | whole number | `0` |  | Steps on foot. |

## `home`

Where it ends.

| key | type | default | bounds, unit | meaning |
|---|---|---|---|---|
| `where` | text | required |  | Where it is. |
| `height` | number | `1` | at least 0 | Above the sea. |
| `stay` | duration | `1h` | at least 1s | How long. |
)");
}

struct Twice {
  int64_t a = 0;
  int64_t b = 0;
  static auto Fields() { return std::tuple{Field{"a", &Twice::a, ""}, Field{"b", &Twice::a, ""}}; }
};

struct SameKey {
  int64_t a = 0;
  int64_t b = 0;
  static auto Fields() {
    return std::tuple{Field{"a", &SameKey::a, ""}, Field{"a", &SameKey::b, ""}};
  }
};

TEST(TypeOfDeathTest, EndsOnDeclarationsThatContradictThemselves) {
  EXPECT_DEATH(TypeOf<Twice>(), "two fields name the same member");
  EXPECT_DEATH(TypeOf<SameKey>(), "a key is declared twice");
}

}  // namespace
}  // namespace lrti::config
