#include "train/report/table.h"

#include <algorithm>

#include "common/base/check.h"

namespace lrti::report {
namespace {

using Row = std::vector<std::string>;

// Code points of UTF-8: every byte but the continuation bytes.
size_t Characters(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
  }));
}

std::string Line(const Row& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths[i] - Characters(cells[i]), ' ');
    if (i > 0) line += "  ";
    line += i == 0 ? cells[i] + padding : padding + cells[i];
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

}  // namespace

std::string FormatTable(const Row& headers, const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const std::string& header : headers) widths.push_back(Characters(header));
  for (const Row& row : rows) {
    LRTI_CHECK(row.size() == headers.size());
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Characters(row[i]));
  }
  Row rule;
  for (const size_t width : widths) rule.emplace_back(width, '-');
  std::string table = Line(headers, widths) + Line(rule, widths);
  for (const Row& row : rows) table += Line(row, widths);
  return table;
}

}  // namespace lrti::report
