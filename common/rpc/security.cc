#include "common/rpc/security.h"

#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/rpc/address.h"

namespace lrti::rpc {
namespace {

constexpr size_t kTokenFileBytesMax = 4096;
constexpr size_t kPemBytesMax = size_t{1} << 20;

}  // namespace

absl::Status CheckFiles(const Security& security) {
  const bool all = !security.ca.empty() && !security.certificate.empty() && !security.key.empty();
  const bool none = security.ca.empty() && security.certificate.empty() && security.key.empty();
  if (!all && !none) {
    return InvalidArgument(
        "security: ca, certificate and key are needed together (lrti-ctl certs init makes them)");
  }
  if (none) return absl::OkStatus();
  for (const std::string& path : {security.ca, security.certificate, security.key}) {
    const auto text = ReadFile(path, kPemBytesMax);
    if (!text.ok()) return InvalidArgument("security: {}", Message(text.status()));
    if (text->find("-----BEGIN ") == std::string::npos) {
      return InvalidArgument("security: {}: no PEM file", path);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckListen(const std::string& address, const Security& security) {
  if (!IsIpAddress(HostOf(address))) {
    return InvalidArgument("'{}' is no IP address and port such as 127.0.0.1:7430", address);
  }
  if (IsLoopback(address) || security.encrypted()) return absl::OkStatus();
  return InvalidArgument(
      "other hosts can connect to {}, and there are no certificates: listen on 127.0.0.1, or make "
      "certificates with `lrti-ctl certs init` and name them in `security`",
      address);
}

absl::StatusOr<std::string> ReadToken(const Security& security) {
  if (security.token_file.empty()) return std::string();
  struct stat status {};
  if (::stat(security.token_file.c_str(), &status) == 0 && (status.st_mode & 077) != 0) {
    return InvalidArgument("{}: other users may read this token; chmod 600 it",
                           security.token_file);
  }
  const auto text = ReadFile(security.token_file, kTokenFileBytesMax);
  if (!text.ok()) return InvalidArgument("security: {}", Message(text.status()));
  std::string token = *text;
  absl::StripAsciiWhitespace(&token);
  const auto printable = [](char letter) {
    return absl::ascii_isgraph(static_cast<unsigned char>(letter));
  };
  if (token.empty() || !std::all_of(token.begin(), token.end(), printable)) {
    return InvalidArgument("{}: holds no token: one word is expected", security.token_file);
  }
  return token;
}

}  // namespace lrti::rpc
