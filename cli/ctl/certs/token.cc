#include "cli/ctl/certs/token.h"

#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "common/base/sha256.h"
#include "common/base/status.h"

namespace lrti::ctl {
namespace {

constexpr std::array kRoles = {"viewer", "user", "admin", "agent"};

absl::Status CheckWord(const std::string& flag, const std::string& word) {
  const bool printable = std::all_of(word.begin(), word.end(),
                                     [](char letter) { return letter > ' ' && letter != 0x7f; });
  if (!word.empty() && word.size() <= 128 && printable) return absl::OkStatus();
  return InvalidArgument("{} '{}': a word without white space is expected", flag, word);
}

}  // namespace

absl::StatusOr<NewToken> MakeToken(const std::string& role, const std::string& project,
                                   const std::string& user) {
  if (std::find(kRoles.begin(), kRoles.end(), role) == kRoles.end()) {
    return InvalidArgument("--role '{}': viewer, user, admin or agent is expected", role);
  }
  LRTI_RETURN_IF_ERROR(CheckWord("--project", project));
  LRTI_RETURN_IF_ERROR(CheckWord("--user", user));
  std::array<unsigned char, 32> random{};
  if (RAND_bytes(random.data(), random.size()) != 1) {
    return Error(absl::StatusCode::kUnavailable, "the system has no randomness for a token");
  }
  std::string token = "lrti_";
  for (const unsigned char byte : random) token += fmt::format("{:02x}", byte);
  const std::string line = fmt::format("sha256:{} {} {} {}", Sha256Hex(token), role, project, user);
  return NewToken{std::move(token), line};
}

}  // namespace lrti::ctl
