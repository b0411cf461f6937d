#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/open_file.h"

namespace lrti::worker {

/// A listening TCP socket that a trainer will take over.
struct ListenSocket {
  OpenFile file;
  uint16_t port = 0;
};

/// Listens at `host`, an IP address or a name of this machine, on a port that the system chooses.
/// Errors: InvalidArgument for a host that is none of this machine's, Unavailable.
absl::StatusOr<ListenSocket> ListenAt(const std::string& host);

}  // namespace lrti::worker
