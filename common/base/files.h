#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lrti {

/// A failed system call on a file as a status: `path: doing: reason`. NotFound for ENOENT,
/// InvalidArgument for what the caller can name better (no permission, a folder in place of a
/// file), ResourceExhausted for space and descriptors, Unavailable for the rest.
absl::Status FileError(int error_number, const std::string& path, std::string_view doing);

/// The whole file. Errors: as FileError; InvalidArgument for more than `bytes_max` bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, uint64_t bytes_max);

/// Hands the file to `use` in order, in pieces of at most 1 MiB; stops at its first error.
absl::Status ReadInPieces(const std::string& path,
                          const std::function<absl::Status(std::string_view)>& use);

/// Makes the folder and its parents; one that exists is fine.
absl::Status MakeFolders(const std::string& path);

/// Names in a folder, sorted, without `.` and `..`. Errors: as FileError; InvalidArgument for more
/// than a million names.
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& path);

/// Deletes a file, or a folder with all in it; what is not there is fine.
absl::Status RemoveAll(const std::string& path);

/// Makes names that came, went or moved in a folder survive a power cut.
absl::Status SyncFolder(const std::string& path);

/// Renames within one file system; an existing file at `to` is replaced atomically.
absl::Status Rename(const std::string& from, const std::string& to);

/// The folder that holds `path`; "." for a bare name.
std::string FolderOf(const std::string& path);

/// `folder`/`name`.
std::string JoinPath(const std::string& folder, const std::string& name);

}  // namespace lrti
