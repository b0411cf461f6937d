#include "services/cache/host.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti::cache {
namespace {

uint64_t GroupLimit() {
  const auto text = ReadFile("/sys/fs/cgroup/memory.max", 64);
  uint64_t bytes = 0;
  if (!text.ok()) return UINT64_MAX;  // no such group: no limit
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), bytes);
  return parsed.ec == std::errc() && bytes > 0 ? bytes : UINT64_MAX;  // "max"
}

}  // namespace

uint64_t HostMemoryBytes() {
  const auto pages = static_cast<uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  return std::min(pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)), GroupLimit());
}

uint64_t DefaultPoolBytes(uint64_t memory_bytes) {
  const uint64_t bytes = std::clamp(memory_bytes / 10, 64 * kMiB, 8192 * kMiB);
  return bytes - bytes % kMiB;
}

absl::StatusOr<std::string> DefaultSocketPath(const Variables& variable) {
  const std::string folder = RuntimeFolder(variable);
  if (folder.empty()) {
    return InvalidArgument(
        "data.socket: auto needs $XDG_RUNTIME_DIR, $XDG_STATE_HOME or $HOME; name a path (--socket "
        "PATH), or none (--socket '')");
  }
  return JoinPath(folder, "cache.sock");
}

absl::Status MakePrivateFolder(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) {
    LRTI_RETURN_IF_ERROR(MakeFolders(FolderOf(path)));
    if (::mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
      return FileError(errno, path, "cannot make the folder");
    }
    if (::stat(path.c_str(), &found) != 0) return FileError(errno, path, "cannot be looked at");
  }
  if (!S_ISDIR(found.st_mode) || found.st_uid != ::geteuid() ||
      (found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return InvalidArgument("{}: not a folder of this user that only they may write to (chmod 700)",
                           path);
  }
  return absl::OkStatus();
}

}  // namespace lrti::cache
