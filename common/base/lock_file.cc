#include "common/base/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti {

absl::StatusOr<OpenFile> LockFileAlone(const std::string& path, const std::string& taken) {
  OpenFile file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return FileError(errno, path, "cannot open");
  if (::flock(file.fd(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno != EWOULDBLOCK) return FileError(errno, path, "cannot lock");
  return Error(absl::StatusCode::kFailedPrecondition, "{}", taken);
}

}  // namespace lrti
