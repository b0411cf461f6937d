#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"

namespace lrti::coordinator {

/// Which of a rank's two files.
enum class Stream { kLog, kEvents };

struct SpoolName {
  std::string job;
  int64_t attempt = 0;
  int64_t rank = 0;
  Stream stream = Stream::kLog;
};

/// The logs and events of all ranks, byte for byte, each in a file whose length is what the agent
/// may forget. Appending is idempotent: bytes that are there already are skipped, so an agent that
/// did not hear the answer sends again. What a rank writes beyond the bound of its file is dropped;
/// once all came, Read says how much that was.
///
/// Thread-safe. Blocks for as long as a disk does.
class SpoolStore {
 public:
  /// `bytes_max` bounds each file.
  SpoolStore(std::string folder, uint64_t bytes_max);

  /// Takes `data`, which begins at `offset` of the rank's file. Answers how many bytes the store
  /// has now, dropped ones included; less than `offset` when bytes before it are missing: the
  /// caller sends those first. `complete`: nothing follows `data`; all is on the disk then, so that
  /// the caller may delete it. Errors: InvalidArgument for a name that cannot be; ResourceExhausted
  /// for a full disk. Bytes acknowledged before stay.
  absl::StatusOr<uint64_t> Append(const SpoolName& name, uint64_t offset, std::string_view data,
                                  bool complete);

  struct Piece {
    std::string data;
    uint64_t size = 0;      // of the file, so far
    bool complete = false;  // nothing will be added
    uint64_t written = 0;   // by the rank, once complete: beyond `size` is what was dropped
  };

  /// At most `bytes_max` bytes from `offset` on; none beyond the end. Errors: of the disk.
  absl::StatusOr<Piece> Read(const SpoolName& name, uint64_t offset, size_t bytes_max) const;

  /// Where the last `lines` lines begin; looks at the last MiB at most.
  absl::StatusOr<uint64_t> BeginOfLastLines(const SpoolName& name, int64_t lines) const;

  /// Attempts that wrote something, and the ranks of one, in order.
  std::vector<int64_t> Attempts(const std::string& job) const;
  std::vector<int64_t> Ranks(const std::string& job, int64_t attempt) const;

  /// Forgets a job's files.
  absl::Status Remove(const std::string& job);

 private:
  std::string FolderOf(const std::string& job, int64_t attempt) const;
  std::string PathOf(const SpoolName& name) const;
  absl::Status Check(const SpoolName& name) const;
  absl::Status MarkEnd(const SpoolName& name, uint64_t written) const;
  Mutex& LockOf(const std::string& path) const;

  const std::string folder_;
  const uint64_t bytes_max_;
  mutable std::array<Mutex, 64> locks_;  // by path: two appends to one file take turns
};

}  // namespace lrti::coordinator
