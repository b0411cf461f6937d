#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lrti::ctl {

struct AuthorityOptions {
  std::string folder;
  std::vector<std::string> hosts;  // names and addresses of servers, besides localhost
  bool force = false;              // overwrite
  absl::Duration life = 24 * absl::Hours(3650);
};

/// Makes an authority and two certificates signed by it:
///
///     ca.pem, ca.key            the authority; ca.key signs more certificates: keep it away
///     server.pem, server.key    for lrti-coordinator: localhost, 127.0.0.1, ::1 and `hosts`
///     client.pem, client.key    for lrti-worker and lrti-ctl
///
/// Keys are EC P-256 in files of mode 0600. Gives the paths written.
/// Errors: InvalidArgument for a host that is no name or address; AlreadyExists for a file that is
/// there without `force`; as FileWriter; Internal for what OpenSSL refuses.
absl::StatusOr<std::vector<std::string>> MakeAuthority(const AuthorityOptions& options,
                                                       absl::Time now);

}  // namespace lrti::ctl
