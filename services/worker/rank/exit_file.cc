#include "services/worker/rank/exit_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/check.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti::worker {
namespace {

constexpr size_t kRecordBytes = 4096;
constexpr size_t kTroubleBytesMax = 500;  // six times as much in JSON, at the worst

std::string ReservedName(const std::string& path) { return path + ".reserved"; }

absl::Status WriteAt0(int fd, const std::string& path, const std::string& text) {
  const ssize_t written = ::pwrite(fd, text.data(), text.size(), 0);
  if (written != static_cast<ssize_t>(text.size())) {
    return FileError(written < 0 ? errno : ENOSPC, path, "cannot write");
  }
  if (::fsync(fd) != 0) return FileError(errno, path, "cannot sync");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ExitFile> ExitFile::Reserve(const std::string& path) {
  const std::string name = ReservedName(path);
  OpenFile file(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return FileError(errno, name, "cannot make");
  LRTI_RETURN_IF_ERROR(WriteAt0(file.fd(), name, std::string(kRecordBytes, ' ')));
  return ExitFile(std::move(file), path);
}

absl::Status ExitFile::Write(const ExitRecord& record) {
  ExitRecord brief = record;
  brief.trouble.resize(std::min(brief.trouble.size(), kTroubleBytesMax));
  std::string text = ToJson(brief);
  LRTI_CHECK(text.size() <= kRecordBytes);
  text.resize(kRecordBytes, ' ');
  const std::string name = ReservedName(path_);
  LRTI_RETURN_IF_ERROR(WriteAt0(file_.fd(), name, text));
  LRTI_RETURN_IF_ERROR(Rename(name, path_));
  return SyncFolder(FolderOf(path_));
}

}  // namespace lrti::worker
