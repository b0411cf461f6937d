#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fmt/format.h"

namespace lrti {

/// Builds a status from a format string: `Error(absl::StatusCode::kNotFound, "{}: no such file",
/// path)`.
template <typename... Args>
absl::Status Error(absl::StatusCode code, fmt::format_string<Args...> format, Args&&... args) {
  return absl::Status(code, fmt::format(format, std::forward<Args>(args)...));
}

/// The caller gave something wrong: a config, a flag, a file of the wrong kind. Exit code 2.
template <typename... Args>
absl::Status InvalidArgument(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kInvalidArgument, format, std::forward<Args>(args)...);
}

/// A file's content is damaged or not what its name promises.
template <typename... Args>
absl::Status DataLoss(fmt::format_string<Args...> format, Args&&... args) {
  return Error(absl::StatusCode::kDataLoss, format, std::forward<Args>(args)...);
}

/// The message as std::string (absl's string_view is a type of its own on Debian).
inline std::string Message(const absl::Status& status) { return std::string(status.message()); }

/// The same status with `where` and a colon in front of its message.
inline absl::Status Prefixed(const absl::Status& status, const std::string& where) {
  return absl::Status(status.code(), fmt::format("{}: {}", where, Message(status)));
}

}  // namespace lrti

#define LRTI_CONCAT_INNER(a, b) a##b
#define LRTI_CONCAT(a, b) LRTI_CONCAT_INNER(a, b)

/// Returns from the enclosing function when `expression` is not OK.
#define LRTI_RETURN_IF_ERROR(expression)                                                \
  do {                                                                                  \
    if (absl::Status lrti_status = (expression); !lrti_status.ok()) return lrti_status; \
  } while (false)

/// Assigns the value of a StatusOr to `lhs`, or returns its status.
#define LRTI_ASSIGN_OR_RETURN(lhs, expression) \
  LRTI_ASSIGN_OR_RETURN_INNER(LRTI_CONCAT(lrti_or_, __LINE__), lhs, expression)
#define LRTI_ASSIGN_OR_RETURN_INNER(temporary, lhs, expression) \
  auto temporary = (expression);                                \
  if (!temporary.ok()) return std::move(temporary).status();    \
  lhs = *std::move(temporary)
