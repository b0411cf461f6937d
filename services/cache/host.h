#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace lrti::cache {

inline constexpr uint64_t kMiB = 1 << 20;

/// Memory that this process may use: the machine's, or less where its control group has a limit.
uint64_t HostMemoryBytes();

/// A tenth of the memory, at most 8 GiB, at least 64 MiB; whole MiB.
uint64_t DefaultPoolBytes(uint64_t memory_bytes);

/// Where the socket lies by default: `lrti/cache.sock` in $XDG_RUNTIME_DIR, else in $XDG_STATE_HOME
/// or ~/.local/state. `variable` answers a variable of the environment, empty where it is not set.
/// Errors: InvalidArgument when all three are empty.
absl::StatusOr<std::string> DefaultSocketPath(
    const std::function<std::string(const std::string&)>& variable);

/// Makes the folder where it is not there; it must belong to this user, and no other may write
/// there. Errors: as MakeFolders; InvalidArgument.
absl::Status MakePrivateFolder(const std::string& path);

}  // namespace lrti::cache
