#include "cli/vsr/frame_size.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "common/base/status.h"

namespace lrti::vsr {
namespace {

constexpr int64_t kSideMax = 4096;

std::optional<int64_t> Side(std::string_view text) {
  int64_t side = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, side);
  if (error != std::errc() || stop != end || side < 1 || side > kSideMax) return std::nullopt;
  return side;
}

}  // namespace

std::string FrameSize::Text() const { return fmt::format("{}x{}", height, width); }

absl::StatusOr<FrameSize> ParseFrameSize(const std::string& text) {
  const size_t by = text.find('x');
  if (by != std::string::npos) {
    const std::string_view view = text;
    const std::optional<int64_t> height = Side(view.substr(0, by));
    const std::optional<int64_t> width = Side(view.substr(by + 1));
    if (height && width) return FrameSize{*height, *width};
  }
  return InvalidArgument(
      "--size: '{}' is no size; give HEIGHTxWIDTH, such as 180x320, sides up to {}", text,
      kSideMax);
}

}  // namespace lrti::vsr
