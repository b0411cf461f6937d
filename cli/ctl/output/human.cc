#include "cli/ctl/output/human.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

#include "common/base/status.h"

namespace lrti::ctl {
namespace {

bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

}  // namespace

std::string ShortDuration(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return "ever";
  const int64_t seconds = std::max<int64_t>(absl::ToInt64Seconds(duration), 0);
  if (seconds >= 86400) return fmt::format("{}d{:02}h", seconds / 86400, seconds / 3600 % 24);
  if (seconds >= 3600) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  if (seconds >= 60) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  return fmt::format("{}s", seconds);
}

std::string ShortBytes(uint64_t bytes) {
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1023.5 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return value < 99.95 ? fmt::format("{:.1f} {}", value, kUnits[unit])
                       : fmt::format("{:.0f} {}", value, kUnits[unit]);
}

std::string Ago(absl::Time time, absl::Time now) {
  if (time == absl::UnixEpoch()) return "-";
  if (time > now + absl::Seconds(1)) return "in " + ShortDuration(time - now);
  return ShortDuration(now - time) + " ago";
}

std::string Rfc3339(absl::Time time) {
  if (time == absl::UnixEpoch()) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string Days(double seconds) {
  const double days = seconds / 86400;
  if (days == 0) return "0";
  if (days < 0.1) return fmt::format("{:.5f}", days);
  return days < 100 ? fmt::format("{:.2f}", days) : fmt::format("{:.0f}", days);
}

size_t Characters(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !IsContinuation(byte); }));
}

std::string Cut(const std::string& text, size_t width) {
  if (Characters(text) <= width) return text;
  if (width == 0) return "";
  size_t end = 0;
  for (size_t left = width - 1; left > 0; --left) {
    ++end;
    while (end < text.size() && IsContinuation(text[end])) ++end;
  }
  return text.substr(0, end) + "…";
}

absl::StatusOr<absl::Duration> ParseDuration(const std::string& text) {
  absl::Duration total = absl::ZeroDuration();
  size_t at = 0;
  const auto digit = [&] { return at < text.size() && std::isdigit(text[at]) != 0; };
  while (at < text.size()) {
    const size_t begin = at;
    while (digit()) ++at;
    const size_t units = at;
    while (at < text.size() && !digit()) ++at;
    const std::string unit = text.substr(units, at - units);
    if (units == begin || units - begin > 9) break;
    const auto number = std::atoll(text.substr(begin, units - begin).c_str());
    if (unit == "ms") {
      total += absl::Milliseconds(number);
    } else if (unit == "s") {
      total += absl::Seconds(number);
    } else if (unit == "m") {
      total += absl::Minutes(number);
    } else if (unit == "h") {
      total += absl::Hours(number);
    } else if (unit == "d") {
      total += 24 * absl::Hours(number);
    } else if (unit == "w") {
      total += 168 * absl::Hours(number);
    } else {
      break;
    }
    if (at == text.size()) return total;
  }
  return InvalidArgument("'{}' is not a duration such as 90s, 12h or 30d", text);
}

absl::StatusOr<absl::Time> ParseMoment(const std::string& text, absl::Time now) {
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &error)) return time;
  if (absl::ParseTime("%Y-%m-%d", text, &time, &error)) return time;
  if (const auto ago = ParseDuration(text); ago.ok()) return now - *ago;
  return InvalidArgument(
      "'{}' is not a moment such as 2026-03-01, 2026-03-01T10:00:00Z, or 30d for 30 days ago",
      text);
}

}  // namespace lrti::ctl
