#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/open_file.h"
#include "common/base/sha256.h"

namespace lrti {

/// Writes one large file piece by piece and knows its SHA-256 at the end. Not thread-safe.
///
/// A writer that goes away before Finish succeeded removes what it had written (a regular file;
/// never a device). Errors of Write and Finish: ResourceExhausted for a full disk, a quota or a
/// file size limit, as `path: disk full (N bytes wanted); free space and resume`; else as
/// FileError.
class FileWriter {
 public:
  /// Makes or empties the file at `path` and writes there.
  static absl::StatusOr<FileWriter> Create(const std::string& path);

  /// Writes under a temporary name in the same folder; Finish moves it to `path`. Until then, and
  /// after any error but a failed sync of the folder, `path` is as it was.
  static absl::StatusOr<FileWriter> CreateAtomic(const std::string& path);

  FileWriter(FileWriter&&) noexcept = default;
  FileWriter& operator=(FileWriter&&) = delete;
  ~FileWriter();

  absl::Status Write(std::string_view bytes);

  /// Syncs to the disk, closes, renames and syncs the folder, as needed.
  absl::StatusOr<FileDigest> Finish();

 private:
  FileWriter(OpenFile file, std::string written, std::string path)
      : file_(std::move(file)), written_(std::move(written)), path_(std::move(path)) {}

  OpenFile file_;
  std::string written_;  // the name being written to
  std::string path_;     // the name in the end
  Sha256 hash_;
  uint64_t bytes_ = 0;
};

/// Puts `bytes` at `path`: after a crash or an error there is either the old file or the new one.
absl::Status WriteFileAtomic(const std::string& path, std::string_view bytes);

/// A file that grows at its end, for logs. Not thread-safe.
class AppendFile {
 public:
  /// Opens or makes the file.
  static absl::StatusOr<AppendFile> Open(const std::string& path);

  /// Makes the file; InvalidArgument when the name is taken.
  static absl::StatusOr<AppendFile> CreateNew(const std::string& path);

  /// Adds all bytes with as few writes as the system allows, normally one. After an error the file
  /// has its old length again. Errors: as FileWriter.
  absl::Status Append(std::string_view bytes);

  const std::string& path() const { return path_; }

 private:
  AppendFile(OpenFile file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  static absl::StatusOr<AppendFile> OpenWith(const std::string& path, int flags);

  OpenFile file_;
  std::string path_;
};

}  // namespace lrti
