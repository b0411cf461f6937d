#include "services/coordinator/state/text.h"

#include <cstdint>

#include "fmt/format.h"

namespace lrti::coordinator {
namespace {

bool IsContinuation(std::string_view text, size_t i) {
  return i < text.size() && (static_cast<uint8_t>(text[i]) & 0xc0) == 0x80;
}

/// Bytes of the well-formed UTF-8 letter at `i`; 0: there is none.
size_t LetterBytes(std::string_view text, size_t i) {
  const auto first = static_cast<uint8_t>(text[i]);
  if (first < 0x80) return 1;
  const size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (size_t k = 1; k < bytes; ++k) {
    if (!IsContinuation(text, i + k)) return 0;
  }
  const auto second = static_cast<uint8_t>(text[i + 1]);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second >= 0xa0;
  const bool too_great = first == 0xf4 && second >= 0x90;
  return overlong || surrogate || too_great ? 0 : bytes;
}

}  // namespace

std::string CleanLine(std::string_view text, size_t bytes_max) {
  std::string line;
  for (size_t i = 0; i < text.size();) {
    const size_t bytes = LetterBytes(text, i);
    if (line.size() + (bytes == 0 ? 1 : bytes) > bytes_max) break;
    if (bytes == 0) {
      line += '?';
    } else if (bytes == 1) {
      const auto letter = static_cast<uint8_t>(text[i]);
      line += letter < 0x20 || letter == 0x7f ? ' ' : text[i];
    } else {
      line += text.substr(i, bytes);
    }
    i += bytes == 0 ? 1 : bytes;
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

absl::Time Micros(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return time;
  return absl::FromUnixMicros(absl::ToUnixMicros(time));
}

absl::Duration Micros(absl::Duration duration) {
  return absl::Microseconds(absl::ToInt64Microseconds(duration));
}

std::string GibText(uint64_t bytes) {
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1 << 30));
}

std::string GpusText(int64_t count) {
  return fmt::format("{} GPU{}", count, count == 1 ? "" : "s");
}

}  // namespace lrti::coordinator
