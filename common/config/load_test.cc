#include "common/config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>

#include "common/config/sample_for_test.h"

namespace lrti::config {
namespace {

using sample::Colour;
using sample::Ride;
using sample::Trip;
using sample::Walk;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string ErrorOf(const std::string& yaml) {
  const auto trip = Load<Trip>(yaml);
  return trip.ok() ? "" : Message(trip.status());
}

Trip Loaded(const std::string& yaml) {
  const auto trip = Load<Trip>(yaml);
  EXPECT_TRUE(trip.ok()) << trip.status();
  return trip.ok() ? *trip : Trip{};
}

struct Mistake {
  const char* yaml;
  const char* message;
};

TEST(Load, ReadsEveryKindOfField) {
  const Trip trip = Loaded(R"(
version: v1
dry: false
legs: 7
seed: 18446744073709551615
speed: 2e-4
colour: blue
weights: [0, 1]
labels: {table: "3", place: 07, word: yes}
stops:
  - {where: "000", height: 1.5, stay: 1h30m}
  - where: far away
by: {type: walk, steps: 9}
home: {where: Rome}
)");
  EXPECT_FALSE(trip.dry);
  EXPECT_EQ(trip.legs, 7);
  EXPECT_EQ(trip.seed, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(trip.speed, 2e-4);
  EXPECT_EQ(trip.colour, Colour::kBlue);
  EXPECT_THAT(trip.weights, ElementsAre(0, 1));
  EXPECT_THAT(trip.labels,
              ElementsAre(Pair("place", "07"), Pair("table", "3"), Pair("word", "yes")));
  ASSERT_EQ(trip.stops.size(), 2);
  EXPECT_EQ(trip.stops[0].place.where, "000");
  EXPECT_EQ(trip.stops[0].place.height, 1.5);
  EXPECT_EQ(trip.stops[0].stay, absl::Minutes(90));
  EXPECT_EQ(trip.stops[1].place.where, "far away");
  EXPECT_EQ(std::get<Walk>(trip.by).steps, 9);
  EXPECT_EQ(trip.home.place.where, "Rome");
}

TEST(Load, KeepsTheDefaultsOfTheStructThatHoldsAPart) {
  const Trip trip = Loaded("home: {where: Rome}");
  EXPECT_EQ(trip.home.stay, absl::Hours(1));  // Trip's, not Stop's
  EXPECT_EQ(std::get<Ride>(trip.by).horse, "Ada");
  EXPECT_EQ(trip.legs, 4);
}

TEST(Load, KnowsAnEnumByItsAlias) {
  EXPECT_EQ(Loaded("{home: {where: x}, colour: azure}").colour, Colour::kBlue);
}

TEST(Load, TakesTheAlternativeThatTheStructHoldsWhereNoTypeIsGiven) {
  EXPECT_EQ(std::get<Ride>(Loaded("{home: {where: x}, by: {horse: Bo}}").by).horse, "Bo");
}

TEST(Load, ReadsDurationsWithTheirUnits) {
  struct Written {
    const char* text;
    absl::Duration duration;
  };
  const std::array cases = {
      Written{"90s", absl::Seconds(90)},   Written{"10m", absl::Minutes(10)},
      Written{"1h30m", absl::Minutes(90)}, Written{"1500ms", absl::Milliseconds(1500)},
      Written{"1.5h", absl::Minutes(90)},  Written{"\"90s\"", absl::Seconds(90)},
  };
  for (const auto& [text, duration] : cases) {
    SCOPED_TRACE(text);
    EXPECT_EQ(Loaded(std::string("home: {where: x, stay: ") + text + "}").home.stay, duration);
  }
}

TEST(Load, RefusesAValueWithThePathTheLineAndTheReason) {
  const std::array cases = {
      Mistake{"legs: 0", "legs (line 2): 0 is below 1"},
      Mistake{"legs: 41", "legs (line 2): 41 is above 40"},
      Mistake{"legs: soon", "legs (line 2): 'soon' is not a whole number"},
      Mistake{"legs: 1e1", "legs (line 2): '1e1' is not a whole number; write 10"},
      Mistake{"legs: 5.0", "legs (line 2): '5.0' is not a whole number; write 5"},
      Mistake{"legs: 2.5", "legs (line 2): '2.5' is not a whole number"},
      Mistake{"legs: 010", "legs (line 2): '010' is not a whole number; write 10"},
      Mistake{"legs: 0x10", "legs (line 2): '0x10' is not a whole number"},
      Mistake{"legs: 0o10", "legs (line 2): '0o10' is not a whole number"},
      Mistake{"legs: 1_000", "legs (line 2): '1_000' is not a whole number"},
      Mistake{"legs: +5", "legs (line 2): '+5' is not a whole number"},
      Mistake{"legs: 99999999999999999999",
              "legs (line 2): 99999999999999999999 does not fit; -9223372036854775808 to "
              "9223372036854775807 do"},
      Mistake{"legs: '5'",
              "legs (line 2): \"5\" is text in quotes; write a whole number without them"},
      Mistake{"legs:", "legs (line 2): expected a whole number, found nothing"},
      Mistake{"legs: ~", "legs (line 2): expected a whole number, found nothing"},
      Mistake{"legs: [5]", "legs (line 2): expected a whole number, found a list"},
      Mistake{"legs: {a: 5}", "legs (line 2): expected a whole number, found a mapping"},
      Mistake{"seed: -1", "seed (line 2): -1 is below 0"},
      Mistake{"seed: 18446744073709551616",
              "seed (line 2): 18446744073709551616 does not fit; 0 to 18446744073709551615 do"},
      Mistake{"speed: fast", "speed (line 2): 'fast' is not a number"},
      Mistake{"speed: .nan", "speed (line 2): '.nan' is not a finite number"},
      Mistake{"speed: nan", "speed (line 2): 'nan' is not a finite number"},
      Mistake{"speed: -.inf", "speed (line 2): '-.inf' is not a finite number"},
      Mistake{"speed: inf", "speed (line 2): 'inf' is not a finite number"},
      Mistake{"speed: 1e999", "speed (line 2): 1e999 does not fit a double"},
      Mistake{"speed: 0x1p3", "speed (line 2): '0x1p3' is not a number"},
      Mistake{"speed: -0.5", "speed (line 2): -0.5 is below 0"},
      Mistake{"speed: 11", "speed (line 2): 11 is above 10"},
      Mistake{"dry: yes", "dry (line 2): 'yes' is not true or false; write true"},
      Mistake{"dry: 0", "dry (line 2): '0' is not true or false; write false"},
      Mistake{"dry: wet", "dry (line 2): 'wet' is not true or false"},
      Mistake{"colour: bleu",
              "colour (line 2): 'bleu' is unknown; did you mean 'blue'? known: red, blue, azure"},
      Mistake{"colour: 7", "colour (line 2): '7' is unknown; known: red, blue, azure"},
      Mistake{"version: v2", "version (line 2): 'v2' is not 'v1', the only one known"},
      Mistake{"version:",
              "version (line 2): expected text, found nothing; write \"\" for an empty one"},
      Mistake{"version: [v1]", "version (line 2): expected text, found a list"},
      Mistake{"weights: [1]", "weights (line 2): has 1 entries; 2 are needed"},
      Mistake{"weights: 1", "weights (line 2): expected a list, found '1'"},
      Mistake{"weights: [0.5, 2]", "weights.1 (line 2): 2 is above 1"},
      Mistake{"labels: [a]", "labels (line 2): expected a mapping of keys to values, found a list"},
      Mistake{"labels: {a: [1]}", "labels.a (line 2): expected text, found a list"},
      Mistake{"labels: {a: 1, a: 2}", "labels.a (line 2): written twice, first in line 2"},
      Mistake{"stops: [{where: x, stay: soon}]",
              "stops.0.stay (line 2): 'soon' is not a duration such as 90s, 10m or 1h30m"},
      Mistake{"stops: [{where: x, stay: 90}]",
              "stops.0.stay (line 2): '90' is not a duration such as 90s, 10m or 1h30m"},
      Mistake{"stops: [{where: x, stay: inf}]",
              "stops.0.stay (line 2): 'inf' is not a duration such as 90s, 10m or 1h30m"},
      Mistake{"stops: [{where: x, stay: 10ms}]", "stops.0.stay (line 2): 10ms is below 1s"},
      Mistake{"stops: [{where: x}, {where: ''}]", "stops.1.where (line 2): must not be empty"},
      Mistake{"stops: [{height: 2}]", "stops.0.where: missing; Where it is."},
      Mistake{"stops: [x]", "stops.0 (line 2): expected a mapping of keys to values, found 'x'"},
      Mistake{"by: {type: wlak}",
              "by.type (line 2): 'wlak' is unknown; did you mean 'walk'? known: walk, ride"},
      Mistake{"by: {type: fly, wings: 2}", "by.type (line 2): 'fly' is unknown; known: walk, ride"},
      Mistake{"by: {type: [walk]}", "by.type (line 2): expected text, found a list"},
      Mistake{"by: {type: walk, horse: Bo}",
              "by.horse (line 2): unknown key for type walk; known: type, steps"},
      Mistake{"by: {hoarse: Bo}",
              "by.hoarse (line 2): unknown key for type ride; did you mean 'horse'? known: type, "
              "horse, steps"},
      Mistake{"by: walk", "by (line 2): expected a mapping of keys to values, found 'walk'"},
      Mistake{"by:", "by (line 2): expected a mapping of keys to values, found nothing"},
      Mistake{"leg: 3",
              "leg (line 2): unknown key; did you mean 'legs'? known: version, dry, legs, seed, "
              "speed, colour, weights, labels, stops, by, home"},
  };
  for (const auto& [yaml, message] : cases) {
    SCOPED_TRACE(yaml);
    EXPECT_EQ(ErrorOf(std::string("home: {where: x}\n") + yaml), message);
  }
}

TEST(Load, TellsEverythingAtOnceOneALine) {
  EXPECT_EQ(ErrorOf("legs: 0\nsped: 1\nlegs: 3\nstops:\n  - stay: 0s\n"),
            "legs (line 3): written twice, first in line 1\n"
            "sped (line 2): unknown key; did you mean 'speed'? known: version, dry, legs, seed, "
            "speed, colour, weights, labels, stops, by, home\n"
            "legs (line 1): 0 is below 1\n"
            "stops.0.where: missing; Where it is.\n"
            "stops.0.stay (line 5): 0s is below 1s\n"
            "home: missing; Where it ends.");
}

TEST(Load, TakesAnEmptyTextForAnEmptyMapping) {
  for (const char* yaml : {"", "# nothing\n", "{}", "~", "---\n"}) {
    SCOPED_TRACE(yaml);
    EXPECT_EQ(ErrorOf(yaml), "home: missing; Where it ends.");
  }
}

TEST(Load, CountsFindingsBeyondTheFirstHundred) {
  std::string yaml = "home: {where: x}\nweights:\n";
  for (int i = 0; i < 150; ++i) yaml += "- bad\n";
  EXPECT_THAT(ErrorOf(yaml), EndsWith("\nand 51 more"));
}

TEST(Load, PutsAnIllShapedTextOnOneLineOfTheMessage) {
  EXPECT_EQ(ErrorOf("home: {where: x}\nlegs: \"a\\nb\""),
            "legs (line 2): \"a b\" is text in quotes; write a whole number without them");
  EXPECT_THAT(ErrorOf("home: {where: x}\n\"a\\nb\": 1"), HasSubstr("a b (line 2): unknown key"));
}

TEST(Load, RefusesTextsThatAreNoPlainYamlDocument) {
  const std::array cases = {
      Mistake{"a: [1, 2", "line 1, column 4: a bracket is never closed"},
      Mistake{"a:\n  - {b: 1\nc: 2\nd: 3\n",
              "line 2, column 5: a key must be text (or a bracket is never closed)"},
      Mistake{"a: \"x\nb: 1\n", "line 3, column 2: a quote is never closed"},
      Mistake{"a: 'x", "line 2, column 2: a quote is never closed"},
      Mistake{"- 1\nb: 2\n", "line 2, column 1: a second document begins (---); one is expected"},
      Mistake{"a: 1\n  b: 2\n", "line 2, column 4: illegal map value"},
      Mistake{"a: &x 1",
              "line 1, column 4: anchors (&) and aliases (*) are not supported; write the "},
      Mistake{"a: &x {b: 1}",
              "line 1, column 4: anchors (&) and aliases (*) are not supported; write the "},
      Mistake{"&x a: 1",
              "line 1, column 1: anchors (&) and aliases (*) are not supported; write the "},
      Mistake{"a: !!int 3",
              "line 1, column 4: tags (!) are not supported; write the value without "},
      Mistake{"a: !thing {}",
              "line 1, column 4: tags (!) are not supported; write the value without "},
      Mistake{"a: 1\n---\nb: 2\n",
              "line 2, column 1: a second document begins (---); one is expected"},
      Mistake{"[1]: 2", "line 1, column 1: a key must be text (or a bracket is never closed)"},
      Mistake{"{a: 1}: 2", "line 1, column 1: a key must be text (or a bracket is never closed)"},
      Mistake{"~: 2", "line 1, column 1: a key must be text (or a bracket is never closed)"},
      Mistake{"just text",
              "the document (line 1): expected a mapping of keys to values, found 'just text'"},
  };
  for (const auto& [yaml, message] : cases) {
    SCOPED_TRACE(yaml);
    EXPECT_THAT(ErrorOf(yaml), ::testing::StartsWith(message));
  }
}

TEST(Load, RefusesBytesThatAreNotText) {
  const std::array cases = {
      std::pair{std::string("a: \0", 4), "byte 3 (0x00)"},
      std::pair{std::string("a: \x04 1"), "byte 3 (0x04)"},
      std::pair{std::string("\xff\xfe"), "byte 0 (0xff)"},
      std::pair{std::string("a: \xc0\xaf"), "byte 3 (0xc0)"},
      std::pair{std::string("a: \xed\xa0\x80"), "byte 3 (0xed)"},
      std::pair{std::string("a: \xe2\x82"), "byte 3 (0xe2)"},
  };
  for (const auto& [yaml, message] : cases) {
    EXPECT_EQ(ErrorOf(yaml), std::string(message) + " is not UTF-8 text; is this a YAML file?");
  }
}

TEST(Load, BoundsSizeDepthAndCount) {
  EXPECT_EQ(ErrorOf(std::string(kTextBytesMax + 1, ' ')),
            "the text has 1048577 bytes; 1048576 are allowed");
  EXPECT_EQ(ErrorOf("a: " + std::string(kDepthMax, '[') + std::string(kDepthMax, ']')),
            "line 1, column 35: nested over 32 deep");
  std::string many = "a: [";
  for (size_t i = 0; i < kNodesMax; ++i) many += "1,";
  EXPECT_THAT(ErrorOf(many + "1]"), HasSubstr("more than 100000 values"));
  EXPECT_EQ(ErrorOf(std::string(kKeyBytesMax + 1, 'k') + ": 1"),
            "line 1, column 1: a key of 201 bytes; 200 are allowed");
}

TEST(Load, SurvivesTextsMadeToExhaustIt) {
  const std::array openers = {"[", "{", "- ", "? ", "a: {", "\"", "&a ", "!", "|\n", "[a, ", ": "};
  for (const char* opener : openers) {
    SCOPED_TRACE(opener);
    std::string yaml;
    while (yaml.size() < kTextBytesMax / 8) yaml += opener;
    EXPECT_NE(ErrorOf(yaml), "");
  }
}

TEST(Load, LeavesDefaultsWhereItFindsFault) {
  const auto root = ParseYaml("{legs: 6, speed: fast, colour: pink, home: {where: x}}");
  ASSERT_TRUE(root.ok());
  Findings findings;
  const Trip trip = Load<Trip>(*root, findings);
  EXPECT_EQ(findings.count(), 2);
  EXPECT_EQ(trip.legs, 6);
  EXPECT_EQ(trip.speed, 1e-7);
  EXPECT_EQ(trip.colour, Colour::kRed);
}

TEST(Findings, TouchAPathItsPartsAndWhatHoldsIt) {
  Findings findings;
  findings.Add("spec.train", 3, "bad");
  EXPECT_TRUE(findings.Touch({"other", "spec.train"}));
  EXPECT_TRUE(findings.Touch({"spec.train.iterations"}));
  EXPECT_TRUE(findings.Touch({"spec"}));
  EXPECT_FALSE(findings.Touch({"spec.training", "spec.data"}));
}

}  // namespace
}  // namespace lrti::config
