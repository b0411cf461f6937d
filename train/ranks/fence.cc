#include "train/ranks/fence.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "common/base/files.h"
#include "common/base/open_file.h"
#include "common/base/status.h"
#include "train/ranks/file_lock.h"

namespace lrti::train {
namespace {

/// The file, locked against other readers and writers until it is closed.
absl::StatusOr<OpenFile> OpenLocked(const std::string& path, int flags, int how) {
  OpenFile file(::open(path.c_str(), flags | O_CLOEXEC, 0644));
  if (!file.valid()) return FileError(errno, path, "opening");
  if (const int error = LockFile(file.fd(), how); error != 0) {
    return FileError(error, path, "locking");
  }
  return file;
}

/// The number in the file; 0 for an empty one, which is as it was made.
absl::StatusOr<int64_t> ReadNumber(const OpenFile& file, const std::string& path) {
  std::array<char, 32> bytes{};
  const ssize_t count = ::pread(file.fd(), bytes.data(), bytes.size(), 0);
  if (count < 0) return FileError(errno, path, "reading");
  std::string_view text(bytes.data(), static_cast<size_t>(count));
  if (text.empty()) return 0;
  if (text.ends_with('\n')) text.remove_suffix(1);
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number < 1) {
    return DataLoss("{}: holds no number of an attempt; delete it if no other trainer runs", path);
  }
  return number;
}

absl::Status Compare(int64_t found, int64_t attempt) {
  if (found <= attempt) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable,
               "superseded by attempt {}; this is attempt {}, and it writes no more", found,
               attempt);
}

}  // namespace

absl::StatusOr<Fence> Fence::Raise(const std::string& folder, int64_t attempt) {
  Fence fence(JoinPath(folder, "attempt"), attempt);
  if (attempt == 0) return fence;
  LRTI_ASSIGN_OR_RETURN(const OpenFile file, OpenLocked(fence.path_, O_RDWR | O_CREAT, LOCK_EX));
  LRTI_ASSIGN_OR_RETURN(const int64_t found, ReadNumber(file, fence.path_));
  LRTI_RETURN_IF_ERROR(Compare(found, attempt));
  if (found == attempt) return fence;
  // In place: numbers only grow, so a longer text covers a shorter one, and one write is whole.
  const std::string text = fmt::format("{}\n", attempt);
  if (::pwrite(file.fd(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
      ::fsync(file.fd()) != 0) {
    return FileError(errno, fence.path_, "writing");
  }
  LRTI_RETURN_IF_ERROR(SyncFolder(folder));
  return fence;
}

absl::Status Fence::Check() const {
  if (attempt_ == 0) return absl::OkStatus();
  LRTI_ASSIGN_OR_RETURN(const OpenFile file, OpenLocked(path_, O_RDONLY, LOCK_SH));
  LRTI_ASSIGN_OR_RETURN(const int64_t found, ReadNumber(file, path_));
  return Compare(found, attempt_);
}

}  // namespace lrti::train
