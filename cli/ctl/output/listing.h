#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace lrti::ctl {

/// What stands in a table: for a person, for a program, and its colour.
struct Cell {
  enum class Color { kNone, kGood, kBad, kBusy, kFaint };

  Cell(std::string text) : shown(text), exact(std::move(text)) {}
  Cell(const char* text) : Cell(std::string(text)) {}
  Cell(std::string for_people, std::string for_programs)
      : shown(std::move(for_people)), exact(std::move(for_programs)) {}
  Cell(std::string text, Color its_color) : Cell(std::move(text)) { color = its_color; }

  std::string shown;
  std::string exact;  // in CSV
  Color color = Color::kNone;
};

struct Column {
  std::string header;
  bool wide = false;      // only in `wide` and CSV
  bool to_right = false;  // numbers
};

/// Rows of the same things. The first column is their names.
struct Listing {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;                            // as many cells as columns
  nlohmann::ordered_json json = nlohmann::ordered_json::array();  // the whole things
};

enum class Format { kTable, kWide, kJson, kYaml, kCsv, kName };

/// Errors: InvalidArgument with the known words.
absl::StatusOr<Format> ParseFormat(const std::string& word);

/// The listing as text that ends with a line end, where it has any.
std::string Render(const Listing& listing, Format format, bool color);

/// JSON, indented, or the same as YAML.
std::string JsonText(const nlohmann::ordered_json& json);
std::string YamlText(const nlohmann::ordered_json& json);

/// A field of CSV, in quotes where it needs them (RFC 4180).
std::string CsvField(const std::string& text);

/// `text` in the colour.
std::string Colored(const std::string& text, Cell::Color color);

}  // namespace lrti::ctl
