#include "train/checkpoint/publish.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti::checkpoint {

absl::Status Publish(const std::string& temporary, const std::string& path) {
  if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) {
    return absl::OkStatus();
  }
  if (errno == EEXIST &&
      ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_EXCHANGE) == 0) {
    return absl::OkStatus();
  }
  // NFS knows neither flag; of a name that the kernel remembers it is asked for the second alone.
  if (errno == EINVAL) return PublishInSteps(temporary, path);
  return FileError(errno, temporary, fmt::format("cannot rename to {}", path));
}

absl::Status PublishInSteps(const std::string& temporary, const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) return Rename(temporary, path);
  const std::string aside = temporary + ".old";  // a leftover by its name, like `temporary`
  LRTI_RETURN_IF_ERROR(Rename(path, aside));
  if (const absl::Status status = Rename(temporary, path); !status.ok()) {
    (void)Rename(aside, path);
    return status;
  }
  return Rename(aside, temporary);
}

}  // namespace lrti::checkpoint
