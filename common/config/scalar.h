#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/config/node.h"

namespace lrti::config {

/// Reads one value. Errors: InvalidArgument that says what was expected and found, without the
/// path; `value` is then unchanged. Numbers are strict: decimal, finite, no quotes, nothing behind
/// them.
absl::Status Read(const Node& node, bool& value);
absl::Status Read(const Node& node, int64_t& value);
absl::Status Read(const Node& node, uint64_t& value);
absl::Status Read(const Node& node, double& value);
absl::Status Read(const Node& node, std::string& value);
/// `90s`, `10m`, `1h30m`, `500ms`.
absl::Status Read(const Node& node, absl::Duration& value);

/// The canonical text of a value; Read gives the same value back.
std::string Written(bool value);
std::string Written(int64_t value);
std::string Written(uint64_t value);
std::string Written(double value);
std::string Written(absl::Duration value);

/// A bound, of the type of the field that it bounds.
using Limit = std::variant<int64_t, uint64_t, double, absl::Duration>;
std::string Written(const Limit& limit);

/// `expected a list, found nothing`.
absl::Status Unexpected(const Node& node, const std::string& expected);

}  // namespace lrti::config
