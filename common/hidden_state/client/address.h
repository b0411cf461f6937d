#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/open_file.h"

namespace lrti::hidden_state::client {

/// What a socket connects to.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  bool local() const { return storage.ss_family == AF_UNIX; }
};

/// REQUIRES: a path that fits, as ParseEndpoint gives it.
Address UnixAddress(const std::string& path);

/// The address that digits name; nothing for a host that has to be looked up.
std::optional<Address> NumericAddress(const std::string& host, uint16_t port);

/// Asks the system's resolver, which may take many seconds. Errors: Unavailable with its answer.
absl::StatusOr<Address> LookUp(const std::string& host, uint16_t port);

/// A socket that is connecting; it is writable once that has ended, well or not.
/// Errors: Unavailable when it fails at once.
absl::StatusOr<OpenFile> StartConnecting(const Address& address);

/// Whether connecting ended well. REQUIRES: the socket of StartConnecting has become writable.
absl::Status FinishConnecting(int fd);

}  // namespace lrti::hidden_state::client
