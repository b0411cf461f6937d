#include "services/coordinator/access/access.h"

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>
#include <string_view>

#include "absl/strings/ascii.h"
#include "common/base/sha256.h"
#include "common/base/status.h"

namespace lrti::coordinator {
namespace {

constexpr std::string_view kHashPrefix = "sha256:";
constexpr size_t kHashDigits = 64;
constexpr std::array<std::string_view, 4> kRoles = {"viewer", "user", "admin", "agent"};

std::optional<Role> RoleOf(const std::string& name) {
  const auto found = std::find(kRoles.begin(), kRoles.end(), name);
  if (found == kRoles.end()) return std::nullopt;
  return static_cast<Role>(found - kRoles.begin());
}

bool IsHash(const std::string& word) {
  return word.size() == kHashPrefix.size() + kHashDigits && word.starts_with(kHashPrefix) &&
         std::all_of(word.begin() + kHashPrefix.size(), word.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

absl::StatusOr<Access> Access::Parse(const std::string& text) {
  Access access;
  access.open_ = false;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    line = line.substr(0, line.find('#'));
    std::istringstream words(line);
    std::string hash, role_name, project, user, more;
    if (!(words >> hash)) continue;
    words >> role_name >> project >> user;
    const auto role = RoleOf(role_name);
    if (!IsHash(hash) || !role || user.empty() || words >> more) {
      return InvalidArgument(
          "line {}: expected `sha256:<64 hex digits> viewer|user|admin|agent PROJECT USER`, as "
          "`lrti-ctl token new` prints it",
          number);
    }
    if (!access.by_hash_.emplace(hash, Caller{user, *role, project}).second) {
      return InvalidArgument("line {}: this token stands there already", number);
    }
  }
  return access;
}

absl::StatusOr<Caller> Access::Identify(const std::string& token,
                                        const std::string& claimed) const {
  if (open_) return Caller{.user = claimed.empty() ? "anonymous" : claimed};
  // A lookup by hash tells nothing about the token by the time it takes.
  const auto found = by_hash_.find(std::string(kHashPrefix) + Sha256Hex(token));
  if (token.empty() || found == by_hash_.end()) {
    return Error(absl::StatusCode::kUnauthenticated,
                 "a token is needed that this coordinator knows: `lrti-ctl login` stores yours");
  }
  return found->second;
}

absl::Status Allow(const Caller& caller, Role role, const std::string& project) {
  const bool agent_alike = (caller.role == Role::kAgent) == (role == Role::kAgent);
  const bool is_admin_of_all = caller.role == Role::kAdmin && caller.project == "*";
  if (is_admin_of_all) return absl::OkStatus();
  if (!agent_alike || caller.role < role) {
    return Error(absl::StatusCode::kPermissionDenied, "{} is {}; this needs {}", caller.user,
                 kRoles[static_cast<size_t>(caller.role)], kRoles[static_cast<size_t>(role)]);
  }
  if (caller.project == "*" || role == Role::kAgent) return absl::OkStatus();
  if (caller.project != project) {
    return Error(absl::StatusCode::kPermissionDenied, "{} belongs to project {}; this needs {}",
                 caller.user, caller.project, project.empty() ? "all projects" : project);
  }
  return absl::OkStatus();
}

}  // namespace lrti::coordinator
