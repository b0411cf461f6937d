#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace lrti::ctl {

struct NewToken {
  std::string token;  // for the person; nobody else ever sees it
  std::string line;   // for the coordinator's file of tokens: `sha256:<hex> role project user`
};

/// Draws a token of 256 bits. Errors: InvalidArgument for another role than viewer, user, admin or
/// agent, or for a project or user that is empty or has white space.
absl::StatusOr<NewToken> MakeToken(const std::string& role, const std::string& project,
                                   const std::string& user);

}  // namespace lrti::ctl
