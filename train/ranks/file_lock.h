#pragma once

namespace lrti::train {

/// flock(fd, how); 0 or the errno. A file system that has no locks grants every one: there the
/// fence alone keeps attempts apart.
int LockFile(int fd, int how);

}  // namespace lrti::train
