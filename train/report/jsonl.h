#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/file_writer.h"
#include "nlohmann/json.hpp"

namespace lrti::report {

/// Appends to a file of metrics: one JSON object a line, each with an integer `step`.
///
/// A run that was stopped and resumed leaves the same lines as one that never stopped: what was
/// written after the checkpoint's step goes away at the start and is written again. Not
/// thread-safe.
class JsonlWriter {
 public:
  /// Largest file that can be resumed.
  static constexpr uint64_t kBytesMax = uint64_t{1} << 30;

  /// Opens or makes the file and keeps its lines with step <= `step_kept` (0 for a fresh run; lines
  /// of step 0 stay). A last line torn by a crash is dropped; the rewrite is atomic.
  /// Errors: DataLoss for any other line that is no object with a step, naming the line; as
  /// ReadFile and WriteFileAtomic.
  static absl::StatusOr<JsonlWriter> Open(const std::string& path, int64_t step_kept);

  /// Adds a line with one write. NaN and infinity become null. REQUIRES: an object with an integer
  /// `step`. Errors: as AppendFile; the file then ends with the line before.
  absl::Status Write(const nlohmann::ordered_json& line);

 private:
  explicit JsonlWriter(AppendFile file) : file_(std::move(file)) {}

  AppendFile file_;
};

}  // namespace lrti::report
