#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lrti::ctl {

struct HttpAnswer {
  int status = 0;
  std::string body;  // at most 64 KiB of it
};

/// GET of a path from a program of ours at `host:port`, an IPv4 address.
/// Errors: Unavailable, saying why; InvalidArgument for another address.
absl::StatusOr<HttpAnswer> HttpGet(const std::string& address, const std::string& path,
                                   absl::Duration timeout);

/// OK when `/readyz` says so. Errors: Unavailable.
absl::Status AskReady(const std::string& address, absl::Duration timeout);

}  // namespace lrti::ctl
