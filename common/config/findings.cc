#include "common/config/findings.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/config/node.h"

namespace lrti::config {
namespace {

constexpr size_t kLinesMax = 100;

std::string Place(int line) {
  if (line == Node::kOverrideLine) return " (override)";
  return line > 0 ? fmt::format(" (line {})", line) : "";
}

bool IsAtOrBelow(const std::string& path, const std::string& ancestor) {
  return path == ancestor || ancestor.empty() || path.starts_with(ancestor + ".");
}

}  // namespace

void Findings::Add(const std::string& path, int line, const std::string& message) {
  if (++count_ > kLinesMax) return;
  paths_.push_back(path);
  const std::string where = path.empty() ? "the document" : path;
  lines_.push_back(fmt::format("{}{}: {}", where, Place(line), message));
}

bool Findings::Touch(std::initializer_list<std::string> paths) const {
  return std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
    return std::any_of(paths_.begin(), paths_.end(), [&](const std::string& found) {
      return IsAtOrBelow(found, path) || IsAtOrBelow(path, found);
    });
  });
}

absl::Status Findings::ToStatus() const {
  if (empty()) return absl::OkStatus();
  std::vector<std::string> lines = lines_;
  if (count_ > kLinesMax) lines.push_back(fmt::format("and {} more", count_ - kLinesMax));
  return InvalidArgument("{}", absl::StrJoin(lines, "\n"));
}

}  // namespace lrti::config
