#include "train/ranks/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <utility>

#include "common/base/files.h"
#include "common/base/status.h"
#include "train/ranks/file_lock.h"

namespace lrti::train {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(100);

}  // namespace

absl::StatusOr<RunLock> RunLock::Take(const std::string& folder, absl::Duration patience,
                                      const Sleep& sleep) {
  const std::string path = JoinPath(folder, ".lock");
  OpenFile file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file.valid()) return FileError(errno, path, "opening");
  absl::Duration waited;
  while (const int error = LockFile(file.fd(), LOCK_EX | LOCK_NB)) {
    if (error != EWOULDBLOCK) return FileError(error, path, "locking");
    if (waited >= patience) {
      return Error(absl::StatusCode::kUnavailable,
                   "{}: another trainer writes to this run directory; end it first, or choose "
                   "another --run-dir",
                   folder);
    }
    sleep(kPause);
    waited += kPause;
  }
  return RunLock(std::move(file));
}

}  // namespace lrti::train
