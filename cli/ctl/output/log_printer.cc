#include "cli/ctl/output/log_printer.h"

#include "fmt/format.h"

namespace lrti::ctl {

void LogPrinter::Add(int64_t rank, std::string_view bytes) {
  if (!several_ranks_) return out_(bytes);
  std::string& held = unfinished_[rank];
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    held += bytes.substr(0, end);
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (end == std::string_view::npos && held.size() < kLineBytesMax) return;
    Line(rank, held);
    held.clear();
  }
}

void LogPrinter::Flush() {
  for (auto& [rank, held] : unfinished_) {
    if (!held.empty()) Line(rank, held);
    held.clear();
  }
}

void LogPrinter::Line(int64_t rank, std::string_view line) {
  out_(fmt::format("rank {} | {}\n", rank, line));
}

}  // namespace lrti::ctl
