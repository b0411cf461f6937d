#include "common/config/scalar.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <system_error>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "common/config/text.h"

namespace lrti::config {
namespace {

std::string Found(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a mapping";
    case Node::Kind::kScalar:
      break;
  }
  return fmt::format("'{}'", Shown(node.text));
}

absl::Status IsNot(const std::string& text, const std::string& expected) {
  return InvalidArgument("'{}' is not {}", Shown(text), expected);
}

absl::Status RequireBare(const Node& node, const std::string& expected) {
  if (node.kind != Node::Kind::kScalar) return Unexpected(node, expected);
  if (!node.quoted) return absl::OkStatus();
  return InvalidArgument("\"{}\" is text in quotes; write {} without them", Shown(node.text),
                         expected);
}

template <typename N>
std::errc Convert(const std::string& text, N& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop != end) return std::errc::invalid_argument;
  return error;
}

/// The whole number that was meant by `1e5`, `5.0` or `010`.
std::optional<int64_t> WholeNumberMeant(const std::string& text) {
  double value = 0;
  constexpr double kExactMax = 9007199254740992.0;  // 2^53: beyond it, doubles skip whole numbers
  if (Convert(text, value) != std::errc() || !(std::abs(value) <= kExactMax)) return std::nullopt;
  if (value != std::trunc(value)) return std::nullopt;
  return static_cast<int64_t>(value);
}

bool HasLeadingZero(const std::string& text) {
  const size_t first = text.starts_with('-') ? 1 : 0;
  return text.size() > first + 1 && text[first] == '0';
}

template <typename N>
absl::Status ReadWhole(const Node& node, N& value) {
  LRTI_RETURN_IF_ERROR(RequireBare(node, "a whole number"));
  N number = 0;
  const std::errc error = Convert(node.text, number);
  if (error == std::errc::result_out_of_range) {
    return InvalidArgument("{} does not fit; {} to {} do", Shown(node.text),
                           std::numeric_limits<N>::min(), std::numeric_limits<N>::max());
  }
  if (error != std::errc() || HasLeadingZero(node.text)) {
    const auto meant = WholeNumberMeant(node.text);
    if (meant && *meant < 0 && std::is_unsigned_v<N>) {
      return InvalidArgument("{} is below 0", Shown(node.text));
    }
    const std::string hint = meant ? fmt::format("; write {}", *meant) : "";
    return IsNot(node.text, "a whole number" + hint);
  }
  value = number;
  return absl::OkStatus();
}

bool IsUnbounded(std::string text) {
  absl::AsciiStrToLower(&text);
  if (text.starts_with('+') || text.starts_with('-')) text.erase(0, 1);
  return text == ".inf" || text == ".nan" || text == "inf" || text == "nan" || text == "infinity";
}

}  // namespace

absl::Status Unexpected(const Node& node, const std::string& expected) {
  return InvalidArgument("expected {}, found {}", expected, Found(node));
}

absl::Status Read(const Node& node, bool& value) {
  LRTI_RETURN_IF_ERROR(RequireBare(node, "true or false"));
  const std::string text = absl::AsciiStrToLower(node.text);
  if (text == "true" || text == "false") {
    value = text == "true";
    return absl::OkStatus();
  }
  const bool meant_true = text == "yes" || text == "on" || text == "1";
  const bool meant_false = text == "no" || text == "off" || text == "0";
  const std::string hint = meant_true ? "; write true" : meant_false ? "; write false" : "";
  return IsNot(node.text, "true or false" + hint);
}

absl::Status Read(const Node& node, int64_t& value) { return ReadWhole(node, value); }
absl::Status Read(const Node& node, uint64_t& value) { return ReadWhole(node, value); }

absl::Status Read(const Node& node, double& value) {
  LRTI_RETURN_IF_ERROR(RequireBare(node, "a number"));
  if (IsUnbounded(node.text)) return IsNot(node.text, "a finite number");
  double number = 0;
  const std::errc error = Convert(node.text, number);
  if (error == std::errc::result_out_of_range) {
    return InvalidArgument("{} does not fit a double", Shown(node.text));
  }
  if (error != std::errc()) return IsNot(node.text, "a number");
  value = number;
  return absl::OkStatus();
}

absl::Status Read(const Node& node, std::string& value) {
  if (node.kind == Node::Kind::kNull) {
    return InvalidArgument("expected text, found nothing; write \"\" for an empty one");
  }
  if (node.kind != Node::Kind::kScalar) return Unexpected(node, "text");
  value = node.text;
  return absl::OkStatus();
}

absl::Status Read(const Node& node, absl::Duration& value) {
  const std::string expected = "a duration such as 90s, 10m or 1h30m";
  if (node.kind != Node::Kind::kScalar) return Unexpected(node, expected);
  absl::Duration duration;
  if (!absl::ParseDuration(node.text, &duration) || duration == absl::InfiniteDuration() ||
      duration == -absl::InfiniteDuration()) {
    return IsNot(node.text, expected);
  }
  value = duration;
  return absl::OkStatus();
}

std::string Written(bool value) { return value ? "true" : "false"; }
std::string Written(int64_t value) { return fmt::to_string(value); }
std::string Written(uint64_t value) { return fmt::to_string(value); }

std::string Written(double value) {
  std::string text = fmt::to_string(value);  // the shortest that reads back as the same double
  // YAML 1.1 readers, Python's among them, take 1e-07 for text and 1.0e-07 for a number.
  const size_t exponent = text.find('e');
  if (exponent != std::string::npos && text.find('.') == std::string::npos) {
    text.insert(exponent, ".0");
  }
  return text;
}

std::string Written(absl::Duration value) {
  return value == absl::ZeroDuration() ? "0s" : absl::FormatDuration(value);
}

std::string Written(const Limit& limit) {
  return std::visit([](const auto& value) { return Written(value); }, limit);
}

}  // namespace lrti::config
