#include "common/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "common/base/open_file.h"
#include "common/base/status.h"

namespace lrti {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr size_t kNamesMax = 1'000'000;

absl::StatusCode CodeOf(int error_number) {
  switch (error_number) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOTDIR:
    case EISDIR:
    case EEXIST:
    case ENOTEMPTY:
    case ENAMETOOLONG:
    case ELOOP:
    case EINVAL:
      return absl::StatusCode::kInvalidArgument;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

// Opens a regular file, pipe or device for reading; a folder is refused.
absl::StatusOr<OpenFile> OpenToRead(const std::string& path) {
  OpenFile file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return FileError(errno, path, "cannot open");
  struct stat info {};
  if (::fstat(file.fd(), &info) != 0) return FileError(errno, path, "cannot look at");
  if (S_ISDIR(info.st_mode)) return FileError(EISDIR, path, "cannot read");
  return file;
}

// Up to `size` bytes; 0 at the end of the file.
absl::StatusOr<size_t> ReadSome(const OpenFile& file, const std::string& path, char* to,
                                size_t size) {
  while (true) {
    const ssize_t got = ::read(file.fd(), to, size);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return FileError(errno, path, "cannot read");
  }
}

}  // namespace

absl::Status FileError(int error_number, const std::string& path, std::string_view doing) {
  return Error(CodeOf(error_number), "{}: {}: {}", path, doing,
               std::generic_category().message(error_number));
}

absl::Status ReadInPieces(const std::string& path,
                          const std::function<absl::Status(std::string_view)>& use) {
  LRTI_ASSIGN_OR_RETURN(const OpenFile file, OpenToRead(path));
  std::string piece(kPieceBytes, '\0');
  while (true) {
    LRTI_ASSIGN_OR_RETURN(const size_t got, ReadSome(file, path, piece.data(), piece.size()));
    if (got == 0) return absl::OkStatus();
    LRTI_RETURN_IF_ERROR(use(std::string_view(piece.data(), got)));
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t bytes_max) {
  std::string bytes;
  LRTI_RETURN_IF_ERROR(ReadInPieces(path, [&](std::string_view piece) {
    if (piece.size() > bytes_max - bytes.size()) {
      return InvalidArgument("{}: larger than the {} bytes allowed", path, bytes_max);
    }
    bytes += piece;
    return absl::OkStatus();
  }));
  return bytes;
}

absl::Status MakeFolders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return FileError(error.value(), path, "cannot make the folder");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::directory_iterator entry(path, error);
  std::vector<std::string> names;
  for (const std::filesystem::directory_iterator end; !error && entry != end;
       entry.increment(error)) {
    if (names.size() == kNamesMax) {
      return InvalidArgument("{}: holds more than {} names", path, kNamesMax);
    }
    names.push_back(entry->path().filename().string());
  }
  if (error) return FileError(error.value(), path, "cannot list");
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status RemoveAll(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return FileError(error.value(), path, "cannot delete");
  return absl::OkStatus();
}

absl::Status SyncFolder(const std::string& path) {
  const OpenFile folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return FileError(errno, path, "cannot open");
  // Some file systems know no fsync of folders (EINVAL); there is nothing more to do on them.
  if (::fsync(folder.fd()) != 0 && errno != EINVAL) return FileError(errno, path, "cannot sync");
  return absl::OkStatus();
}

absl::Status Rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    return FileError(errno, from, fmt::format("cannot rename to {}", to));
  }
  return absl::OkStatus();
}

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string JoinPath(const std::string& folder, const std::string& name) {
  return (std::filesystem::path(folder) / name).string();
}

}  // namespace lrti
