#include "cli/ctl/output/listing.h"

#include <gtest/gtest.h>

#include "common/base/status.h"

namespace lrti::ctl {
namespace {

Listing Jobs() {
  Listing listing;
  listing.columns = {{"id"}, {"state"}, {"age", false, true}, {"run", true}};
  listing.rows = {
      {"lrti-a", Cell("RUNNING", Cell::Color::kGood), Cell("3m", "180"), "/runs/a, b"},
      {"lrti-bcd", Cell("FAILED", Cell::Color::kBad), Cell("12m", "720"), "say \"no\""},
  };
  listing.json = {{{"id", "lrti-a"}, {"gpus", 2}}, {{"id", "lrti-bcd"}, {"gpus", 1}}};
  return listing;
}

TEST(Listing, TableIsAlignedAndLeavesWideColumnsOut) {
  EXPECT_EQ(Render(Jobs(), Format::kTable, false),
            "id        state    age\n"
            "lrti-a    RUNNING   3m\n"
            "lrti-bcd  FAILED   12m\n");
}

TEST(Listing, WideHasEveryColumn) {
  EXPECT_EQ(Render(Jobs(), Format::kWide, false),
            "id        state    age  run\n"
            "lrti-a    RUNNING   3m  /runs/a, b\n"
            "lrti-bcd  FAILED   12m  say \"no\"\n");
}

TEST(Listing, CsvQuotesAndIsExact) {
  EXPECT_EQ(Render(Jobs(), Format::kCsv, false),
            "id,state,age,run\n"
            "lrti-a,RUNNING,180,\"/runs/a, b\"\n"
            "lrti-bcd,FAILED,720,\"say \"\"no\"\"\"\n");
}

TEST(Listing, NamesAreTheFirstColumn) {
  EXPECT_EQ(Render(Jobs(), Format::kName, false), "lrti-a\nlrti-bcd\n");
}

TEST(Listing, JsonAndYamlHoldTheWholeThings) {
  const auto read = nlohmann::ordered_json::parse(Render(Jobs(), Format::kJson, true));
  EXPECT_EQ(read, Jobs().json);
  EXPECT_EQ(Render(Jobs(), Format::kYaml, true),
            "- id: lrti-a\n  gpus: 2\n- id: lrti-bcd\n  gpus: 1\n");
}

TEST(Listing, ColoursDoNotMoveColumns) {
  const std::string text = Render(Jobs(), Format::kTable, true);
  EXPECT_NE(text.find("\x1b[32mRUNNING\x1b[0m   3m\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\x1b[31mFAILED\x1b[0m   12m\n"), std::string::npos) << text;
}

TEST(Listing, EmptyIsItsHeaderAndNoNames) {
  Listing none;
  none.columns = {{"id"}, {"state"}};
  EXPECT_EQ(Render(none, Format::kTable, false), "id  state\n");
  EXPECT_EQ(Render(none, Format::kName, false), "");
  EXPECT_EQ(Render(none, Format::kJson, false), "[]\n");
}

TEST(Listing, ControlCharactersOfAJobCannotReachTheTerminal) {
  Listing listing;
  listing.columns = {{"message"}};
  listing.rows = {{"red\x1b[31m\nline"}};
  EXPECT_EQ(Render(listing, Format::kTable, false), "message\nred [31m line\n");
}

TEST(Listing, UnknownFormatIsAnsweredWithTheKnownOnes) {
  EXPECT_EQ(Message(ParseFormat("xml").status()),
            "unknown output format 'xml'; known: csv, json, name, table, wide, yaml");
}

TEST(CsvField, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(CsvField("plain text"), "plain text");
  EXPECT_EQ(CsvField("a\nb"), "\"a\nb\"");
  EXPECT_EQ(CsvField(""), "");
}

}  // namespace
}  // namespace lrti::ctl
