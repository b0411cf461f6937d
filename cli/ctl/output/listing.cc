#include "cli/ctl/output/listing.h"

#include <algorithm>

#include "cli/ctl/output/human.h"
#include "common/base/check.h"
#include "common/base/registry.h"
#include "common/config/yaml.h"

namespace lrti::ctl {
namespace {

using Json = nlohmann::ordered_json;

std::string CsvText(const Listing& listing) {
  std::string text;
  for (size_t i = 0; i < listing.columns.size(); ++i) {
    text += (i > 0 ? "," : "") + CsvField(listing.columns[i].header);
  }
  text += "\n";
  for (const std::vector<Cell>& row : listing.rows) {
    for (size_t i = 0; i < row.size(); ++i) text += (i > 0 ? "," : "") + CsvField(row[i].exact);
    text += "\n";
  }
  return text;
}

std::string Padded(const std::string& text, size_t width, bool to_right, Cell::Color color) {
  const std::string padding(width - std::min(width, Characters(text)), ' ');
  const std::string colored = Colored(text, color);
  return to_right ? padding + colored : colored + padding;
}

// Tables and fields of one line: what a job says of itself may have line ends.
std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char letter) { return static_cast<unsigned char>(letter) < ' ' || letter == 0x7f; }, ' ');
  return text;
}

std::string TableText(const Listing& listing, bool wide, bool color) {
  std::vector<size_t> shown, widths;
  for (size_t i = 0; i < listing.columns.size(); ++i) {
    if (listing.columns[i].wide && !wide) continue;
    shown.push_back(i);
    size_t width = Characters(listing.columns[i].header);
    for (const auto& row : listing.rows) width = std::max(width, Characters(row[i].shown));
    widths.push_back(width);
  }
  std::string text;
  const auto end_line = [&text] {
    text.erase(text.find_last_not_of(' ') + 1);
    text += "\n";
  };
  for (size_t i = 0; i < shown.size(); ++i) {
    const Column& column = listing.columns[shown[i]];
    text +=
        (i > 0 ? "  " : "") + Padded(column.header, widths[i], column.to_right, Cell::Color::kNone);
  }
  end_line();
  for (const auto& row : listing.rows) {
    for (size_t i = 0; i < shown.size(); ++i) {
      const Cell& cell = row[shown[i]];
      text += (i > 0 ? "  " : "") + Padded(OneLine(cell.shown), widths[i],
                                           listing.columns[shown[i]].to_right,
                                           color ? cell.color : Cell::Color::kNone);
    }
    end_line();
  }
  return text;
}

config::Node ToNode(const Json& json) {
  if (json.is_object()) {
    config::Node map = config::Node::Map();
    for (const auto& [key, value] : json.items()) map.Add(key, ToNode(value));
    return map;
  }
  if (json.is_array()) {
    config::Node list = config::Node::List();
    for (const Json& item : json) list.items.push_back(ToNode(item));
    return list;
  }
  if (json.is_null()) return config::Node();
  if (json.is_string()) return config::Node::Quoted(json.get<std::string>());
  return config::Node::Plain(json.dump());
}

}  // namespace

absl::StatusOr<Format> ParseFormat(const std::string& word) {
  static const Registry<Format> formats("output format", {{"table", Format::kTable},
                                                          {"wide", Format::kWide},
                                                          {"json", Format::kJson},
                                                          {"yaml", Format::kYaml},
                                                          {"csv", Format::kCsv},
                                                          {"name", Format::kName}});
  return formats.Find(word);
}

std::string Render(const Listing& listing, Format format, bool color) {
  for (const auto& row : listing.rows) LRTI_CHECK(row.size() == listing.columns.size());
  switch (format) {
    case Format::kTable:
    case Format::kWide:
      return TableText(listing, format == Format::kWide, color);
    case Format::kJson:
      return JsonText(listing.json);
    case Format::kYaml:
      return YamlText(listing.json);
    case Format::kCsv:
      return CsvText(listing);
    case Format::kName: {
      std::string text;
      for (const auto& row : listing.rows) text += row.front().exact + "\n";
      return text;
    }
  }
  LRTI_CHECK(false);
}

std::string JsonText(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string YamlText(const Json& json) { return config::EmitYaml(ToNode(json)); }

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) quoted += letter == '"' ? "\"\"" : std::string(1, letter);
  return quoted + "\"";
}

std::string Colored(const std::string& text, Cell::Color color) {
  const auto in = [&text](const char* code) {
    return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
  };
  switch (color) {
    case Cell::Color::kNone:
      return text;
    case Cell::Color::kGood:
      return in("32");
    case Cell::Color::kBad:
      return in("31");
    case Cell::Color::kBusy:
      return in("33");
    case Cell::Color::kFaint:
      return in("2");
  }
  return text;
}

}  // namespace lrti::ctl
