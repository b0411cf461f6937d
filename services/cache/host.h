#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/places.h"

namespace lrti::cache {

inline constexpr uint64_t kMiB = 1 << 20;

/// Memory that this process may use: the machine's, or less where its control group has a limit.
uint64_t HostMemoryBytes();

/// A tenth of the memory, at most 8 GiB, at least 64 MiB; whole MiB.
uint64_t DefaultPoolBytes(uint64_t memory_bytes);

/// Where the socket lies by default: cache.sock in RuntimeFolder.
/// Errors: InvalidArgument where there is none.
absl::StatusOr<std::string> DefaultSocketPath(const Variables& variable);

/// Makes the folder where it is not there; it must belong to this user, and no other may write
/// there. Errors: as MakeFolders; InvalidArgument.
absl::Status MakePrivateFolder(const std::string& path);

}  // namespace lrti::cache
