#include "common/config/text.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "fmt/format.h"

namespace lrti::config {
namespace {

constexpr size_t kShownBytesMax = 60;
constexpr size_t kSlipsMax = 2;

uint8_t ByteAt(const std::string& text, size_t i) {
  return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
}

// Bytes of the character that begins at `at`; 0: none does (RFC 3629, table of section 4).
size_t CharacterBytes(const std::string& text, size_t at) {
  const uint8_t first = ByteAt(text, at);
  const uint8_t second = ByteAt(text, at + 1);
  const auto follows = [&](size_t i) { return (ByteAt(text, at + i) & 0xC0) == 0x80; };
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && second < 0x90;
    const bool too_large = first == 0xF4 && second > 0x8F;
    return follows(1) && follows(2) && follows(3) && !overlong && !too_large ? 4 : 0;
  }
  return 0;
}

bool IsControl(char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); }

// Letters to insert, delete, replace or swap with their neighbour (optimal string alignment).
size_t Slips(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> slips(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) slips[i][0] = i;
  std::iota(slips[0].begin(), slips[0].end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = slips[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      slips[i][j] = std::min({replaced, slips[i - 1][j] + 1, slips[i][j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) slips[i][j] = std::min(slips[i][j], slips[i - 2][j - 2] + 1);
    }
  }
  return slips[a.size()][b.size()];
}

size_t CommonPrefix(const std::string& a, const std::string& b) {
  const auto ends = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<size_t>(ends.first - a.begin());
}

bool TooFarInLength(const std::string& a, const std::string& b) {
  return std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > kSlipsMax;
}

}  // namespace

std::optional<size_t> FirstByteThatIsNotText(const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    const size_t bytes = CharacterBytes(text, at);
    if (bytes == 0 || (IsControl(c) && c != '\n' && c != '\r' && c != '\t')) return at;
    at += bytes;
  }
  return std::nullopt;
}

std::string Shown(const std::string& text) {
  std::string shown;
  for (size_t at = 0; at < text.size();) {
    if (shown.size() >= kShownBytesMax) return shown + "...";
    const size_t bytes = std::max<size_t>(CharacterBytes(text, at), 1);
    shown += bytes == 1 && IsControl(text[at]) ? " " : text.substr(at, bytes);
    at += bytes;
  }
  return shown;
}

std::string Nearest(const std::string& name, const std::vector<std::string>& known) {
  const std::string typed = absl::AsciiStrToLower(name);
  std::string nearest;
  // The fewest slips; among equals the longest common beginning.
  std::pair<size_t, size_t> best = {kSlipsMax + 1, 0};
  for (const std::string& candidate : known) {
    const std::string lower = absl::AsciiStrToLower(candidate);
    if (TooFarInLength(typed, lower)) continue;
    const size_t slips = Slips(typed, lower);
    const std::pair rank = {slips, typed.size() - CommonPrefix(typed, lower)};
    if (rank < best && 2 * slips < candidate.size()) {
      best = rank;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string Suggest(const std::string& name, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(name, known);
  const std::string question = nearest.empty() ? "" : fmt::format("did you mean '{}'? ", nearest);
  return fmt::format("{}known: {}", question, absl::StrJoin(known, ", "));
}

}  // namespace lrti::config
