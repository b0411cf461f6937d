#include "train/formats/shown.h"

#include "absl/strings/escaping.h"

namespace lrti::formats {

std::string Shown(std::string_view text) {
  constexpr size_t kBytesMax = 100;
  const std::string_view part = text.substr(0, kBytesMax);
  return absl::CHexEscape({part.data(), part.size()}) + (part.size() < text.size() ? "..." : "");
}

}  // namespace lrti::formats
