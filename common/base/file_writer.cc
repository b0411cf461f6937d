#include "common/base/file_writer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <filesystem>

#include "common/base/check.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace lrti {
namespace {

constexpr mode_t kMode = 0644;

absl::Status WriteError(int error_number, const std::string& path, size_t bytes_wanted) {
  const auto full = [&](std::string_view what, std::string_view remedy) {
    return Error(absl::StatusCode::kResourceExhausted, "{}: {} ({} bytes wanted); {} and resume",
                 path, what, bytes_wanted, remedy);
  };
  switch (error_number) {
    case ENOSPC:
      return full("disk full", "free space");
    case EDQUOT:
      return full("disk quota used up", "free space");
    case EFBIG:
      return full("file size limit reached", "raise it (ulimit -f)");
    default:
      return FileError(error_number, path, "cannot write");
  }
}

absl::Status WriteAll(int fd, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0) {
      if (errno == EINTR) continue;
      return WriteError(errno, path, bytes.size());
    }
    bytes.remove_prefix(static_cast<size_t>(done));
  }
  return absl::OkStatus();
}

std::string TemporaryName(const std::string& path) {
  static std::atomic<uint64_t> count = 0;
  const std::string name = std::filesystem::path(path).filename().string();
  return JoinPath(FolderOf(path), fmt::format(".tmp-{}.{}.{}", name, ::getpid(), ++count));
}

bool IsRegular(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

}  // namespace

absl::StatusOr<FileWriter> FileWriter::Create(const std::string& path) {
  OpenFile file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode));
  if (!file.valid()) return FileError(errno, path, "cannot make the file");
  return FileWriter(std::move(file), path, path);
}

absl::StatusOr<FileWriter> FileWriter::CreateAtomic(const std::string& path) {
  const std::string temporary = TemporaryName(path);
  OpenFile file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode));
  if (!file.valid()) return FileError(errno, path, "cannot make the file");
  return FileWriter(std::move(file), temporary, path);
}

FileWriter::~FileWriter() {
  if (file_.valid() && IsRegular(file_.fd())) ::unlink(written_.c_str());
}

absl::Status FileWriter::Write(std::string_view bytes) {
  LRTI_CHECK(file_.valid());
  LRTI_RETURN_IF_ERROR(WriteAll(file_.fd(), path_, bytes));
  hash_.Update(bytes);
  bytes_ += bytes.size();
  return absl::OkStatus();
}

absl::StatusOr<FileDigest> FileWriter::Finish() {
  LRTI_CHECK(file_.valid());
  // EINVAL: a device or pipe, which has nothing to sync.
  if (::fsync(file_.fd()) != 0 && errno != EINVAL) return WriteError(errno, path_, bytes_);
  if (written_ != path_) {
    LRTI_RETURN_IF_ERROR(Rename(written_, path_));
    written_ = path_;
  }
  // fsync has reported all that close could.
  file_ = OpenFile();
  LRTI_RETURN_IF_ERROR(SyncFolder(FolderOf(path_)));
  return FileDigest{bytes_, hash_.Finish()};
}

absl::Status WriteFileAtomic(const std::string& path, std::string_view bytes) {
  LRTI_ASSIGN_OR_RETURN(FileWriter writer, FileWriter::CreateAtomic(path));
  LRTI_RETURN_IF_ERROR(writer.Write(bytes));
  return writer.Finish().status();
}

absl::StatusOr<AppendFile> AppendFile::Open(const std::string& path) { return OpenWith(path, 0); }

absl::StatusOr<AppendFile> AppendFile::CreateNew(const std::string& path) {
  return OpenWith(path, O_EXCL);
}

absl::StatusOr<AppendFile> AppendFile::OpenWith(const std::string& path, int flags) {
  OpenFile file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, kMode));
  if (!file.valid()) return FileError(errno, path, "cannot open");
  return AppendFile(std::move(file), path);
}

absl::Status AppendFile::Append(std::string_view bytes) {
  struct stat before {};
  if (::fstat(file_.fd(), &before) != 0) return FileError(errno, path_, "cannot look at");
  absl::Status status = WriteAll(file_.fd(), path_, bytes);
  if (!status.ok() && S_ISREG(before.st_mode) && ::ftruncate(file_.fd(), before.st_size) != 0) {
    return Error(status.code(), "{}; its end is torn", Message(status));
  }
  return status;
}

}  // namespace lrti
