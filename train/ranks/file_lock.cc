#include "train/ranks/file_lock.h"

#include <sys/file.h>

#include <cerrno>

namespace lrti::train {

int LockFile(int fd, int how) {
  while (::flock(fd, how) != 0) {
    const bool has_none = errno == ENOSYS || errno == EOPNOTSUPP || errno == ENOLCK;
    if (has_none) return 0;
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace lrti::train
