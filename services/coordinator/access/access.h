#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace lrti::coordinator {

/// What a token allows; each role may do what the ones before it may. `agent` stands apart: it is
/// for lrti-worker alone.
enum class Role : uint8_t { kViewer, kUser, kAdmin, kAgent };

/// Whoever makes a call.
struct Caller {
  std::string user;
  Role role = Role::kAdmin;
  std::string project = "*";  // "*": every project
};

/// The tokens that are accepted, by their SHA-256. Without a tokens file everybody is an admin:
/// that is for loopback. A plain value.
class Access {
 public:
  /// Everybody may do everything.
  Access() = default;

  /// Reads lines `sha256:<64 hex digits> <role> <project> <user>`; `#` begins a comment.
  /// Errors: InvalidArgument with the line at fault.
  static absl::StatusOr<Access> Parse(const std::string& text);

  /// Who shows `token`; `claimed` is the name given where no tokens are asked for.
  /// Errors: Unauthenticated, the same whether a token is missing or wrong.
  absl::StatusOr<Caller> Identify(const std::string& token, const std::string& claimed) const;

  bool open() const { return open_; }

 private:
  bool open_ = true;
  std::map<std::string, Caller> by_hash_;
};

/// Whether `caller` may do what needs `role` in `project` (empty: it concerns all of them).
/// Errors: PermissionDenied, saying what would be needed.
absl::Status Allow(const Caller& caller, Role role, const std::string& project);

}  // namespace lrti::coordinator
