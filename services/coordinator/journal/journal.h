#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/coordinator/state/book.h"
#include "services/coordinator/state/update.h"

namespace lrti::coordinator {

/// A StateChanged as people read it.
struct Transition {
  uint64_t seq = 0;
  absl::Time time;
  std::string job;
  int64_t attempt = 0;
  std::string from;
  std::string to;
  std::string reason;
  std::string message;
  std::string actor;
};

/// The truth on disk: every update in order, in the SQLite database `journal.db` of a folder (WAL,
/// synchronous=FULL). One process has it at a time. Nothing in it is ever deleted; a snapshot of
/// the book keeps the replay short.
///
/// One thread at a time calls Load, Append, WriteSnapshot and snapshot_seq; Transitions is for any.
class Journal {
 public:
  /// Makes the folder and the file as needed.
  /// Errors: FailedPrecondition when another coordinator has it, or a newer release wrote it;
  /// DataLoss for a damaged file; else as FileError.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const std::string& folder);

  virtual ~Journal() = default;

  /// The book of all that was appended. Errors: DataLoss, naming the seq.
  virtual absl::StatusOr<Book> Load() = 0;

  /// Makes the entries durable, all or none. REQUIRES: they follow the last one's seq.
  /// Errors: ResourceExhausted for a full disk; else Unavailable or DataLoss. After an error
  /// nothing was appended, and the next call tries anew.
  virtual absl::Status Append(std::span<const Entry> entries) = 0;

  /// Replaces the snapshot; the next Load begins there. Errors: as Append.
  virtual absl::Status WriteSnapshot(const Book& book) = 0;

  /// Of the snapshot on the disk, as far as Load and WriteSnapshot saw it; 0: none.
  virtual uint64_t snapshot_seq() const = 0;

  /// Whether the disk takes writes again. Errors: as Append.
  virtual absl::Status Probe() = 0;

  /// Transitions of a job (empty: all) after a seq, oldest first.
  virtual absl::StatusOr<std::vector<Transition>> Transitions(const std::string& job,
                                                              uint64_t after_seq,
                                                              int64_t limit) = 0;
};

}  // namespace lrti::coordinator
