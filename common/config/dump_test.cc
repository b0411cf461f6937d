#include "common/config/dump.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <random>
#include <string>

#include "common/config/load.h"
#include "common/config/random_for_test.h"
#include "common/config/sample_for_test.h"

namespace lrti::config {
namespace {

using sample::Stop;
using sample::Trip;
using sample::Walk;

Trip FarTrip() {
  Trip trip;
  trip.dry = false;
  trip.seed = std::numeric_limits<uint64_t>::max();
  trip.speed = 0.1;
  trip.labels = {{"a key", "yes"}, {"b", "two\nlines \"quoted\"\t\\"}, {"c", ""}};
  trip.stops = {Stop{{"000", 0}, absl::Milliseconds(1500)},
                Stop{{"/data/x", 1e20}, absl::Hours(30)}};
  trip.by = Walk{9};
  return trip;
}

TEST(Dump, WritesEveryFieldInOneForm) {
  EXPECT_EQ(Dump(FarTrip()), R"(version: v1
dry: false
legs: 4
seed: 18446744073709551615
speed: 0.1
colour: red
weights: [0.25, 0.75]
labels:
  "a key": "yes"
  b: "two\nlines \"quoted\"\t\\"
  c: ""
stops:
  - where: "000"
    height: 0
    stay: 1.5s
  - where: /data/x
    height: 1.0e+20
    stay: 30h
by:
  type: walk
  steps: 9
home:
  where: here
  height: 1
  stay: 1h
)");
}

TEST(Dump, WritesEmptyPartsOnOneLine) {
  const std::string text = Dump(Trip{});
  EXPECT_NE(text.find("\nlabels: {}\nstops: []\n"), std::string::npos) << text;
}

TEST(Dump, UsesTheCanonicalNameOfAnEnum) {
  const auto trip = Load<Trip>("{colour: azure, home: {where: x}}");
  ASSERT_TRUE(trip.ok());
  EXPECT_NE(Dump(*trip).find("colour: blue\n"), std::string::npos);
}

TEST(Dump, OfAnyTextIsReadBackAsThatText) {
  const std::array texts = {
      "",
      " ",
      "a b",
      "true",
      "No",
      "null",
      "~",
      "3",
      "-1",
      "1e5",
      ".inf",
      "-",
      "---",
      "...",
      "?",
      "a: b",
      "a #b",
      "#a",
      "[a]",
      "{a}",
      "*a",
      "&a",
      "!a",
      "|",
      ">",
      "%a",
      "@a",
      "`a`",
      "'",
      "\"",
      "\\",
      "a\nb",
      "\n",
      "\r\n",
      "\t",
      " a ",
      "ä",
      "日本",
      "\x01",
      "a\x7f",
      "12:30",
      "2001-01-01",
      "0x10",
      "a,b",
      "=",
      "<<",
      "./a",
      "/a/b",
      "_a",
      "y",
      "a\xC2\x85"
      "b",
      "a\xE2\x80\xA8"
      "b",
      "NaN",
  };
  for (const char* text : texts) {
    SCOPED_TRACE(text);
    Trip trip;
    trip.labels = {{"label", text}, {std::string("k") + text, "value"}};
    const auto loaded = Load<Trip>(Dump(trip));
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->labels, trip.labels);
  }
}

TEST(Dump, OfAnyNumberIsReadBackAsThatNumber) {
  const std::array numbers = {0.0,    1.0,   0.1,    1e-7,   2e-4,   1.0 / 3, 9.999999999999999,
                              5e-324, 1e-12, 0.9999, 2.5e-9, 1e-300, 10.0,    0.30000000000000004};
  for (const double number : numbers) {
    SCOPED_TRACE(number);
    Trip trip;
    trip.speed = number;
    const auto loaded = Load<Trip>(Dump(trip));
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->speed, number);
  }
}

TEST(Dump, OfAnyDurationIsReadBackAsThatDuration) {
  const std::array durations = {
      absl::Seconds(1),        absl::Seconds(90),
      absl::Hours(100000),     absl::Nanoseconds(1000000001),
      absl::Microseconds(1e7), absl::Seconds(1) + absl::Nanoseconds(1) / 4};
  for (const absl::Duration duration : durations) {
    SCOPED_TRACE(absl::FormatDuration(duration));
    Trip trip;
    trip.home.stay = duration;
    const auto loaded = Load<Trip>(Dump(trip));
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->home.stay, duration);
  }
}

TEST(Dump, OfWhatWasLoadedIsTheTextOfTheTree) {
  const Type type = TypeOf<Trip>();
  std::mt19937_64 random(7);
  for (int i = 0; i < 300; ++i) {
    const std::string text = EmitYaml(RandomTree(type, random));
    const auto trip = Load<Trip>(text);
    ASSERT_TRUE(trip.ok()) << trip.status() << "\n" << text;
    EXPECT_EQ(Dump(*trip), text);
  }
}

TEST(EmitYaml, WritesTreesOfAnyShape) {
  for (const char* yaml : {"- - a\n- b: 1\n", "a: [[1, 2], [], {}]", "[[[x]]]", "[{a: [{b: c}]}]",
                           "a: ~", "x", "{a: {b: {}}}"}) {
    SCOPED_TRACE(yaml);
    const auto root = ParseYamlValue(yaml);
    ASSERT_TRUE(root.ok());
    const std::string text = EmitYaml(*root);
    const auto again = ParseYamlValue(text);
    ASSERT_TRUE(again.ok()) << again.status() << "\n" << text;
    EXPECT_EQ(EmitYaml(*again), text);
  }
  EXPECT_EQ(EmitYaml(*ParseYaml("a: [[1, {b: c}], []]")), "a:\n  -\n    - 1\n    - b: c\n  - []\n");
}

}  // namespace
}  // namespace lrti::config
