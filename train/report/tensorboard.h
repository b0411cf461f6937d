#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/file_writer.h"

namespace lrti::report {

/// Writes one file of the kind that TensorBoard reads. Not thread-safe; the clock outlives it.
///
/// A record is  length (8 bytes) | masked CRC-32C of it | data | masked CRC-32C of it,  all little-
/// endian; the data is a tensorflow.Event in protobuf, whose few fields are encoded by hand.
/// A resumed run opens a new file in the same folder; TensorBoard reads them in order of time, and
/// forgets points of the earlier file from `first_step` on.
class EventFileWriter {
 public:
  /// Makes folder/events.out.tfevents.<seconds>.<host>.<pid>[.<n>]. `first_step` is the first step
  /// that will be reported: 0 for a fresh run.
  static absl::StatusOr<EventFileWriter> Create(const std::string& folder, int64_t first_step,
                                                const Clock& clock);

  /// A point of a curve. Every record is written at once. Errors: as AppendFile; the file then ends
  /// with the record before.
  absl::Status Scalar(std::string_view tag, double value, int64_t step);

  /// An RGB picture as the bytes of a PNG file.
  absl::Status Picture(std::string_view tag, std::string_view png, int64_t height, int64_t width,
                       int64_t step);

  const std::string& path() const { return file_.path(); }

 private:
  EventFileWriter(AppendFile file, const Clock& clock) : file_(std::move(file)), clock_(&clock) {}

  absl::Status WriteEvent(int64_t step, std::string_view fields);

  AppendFile file_;
  const Clock* clock_;
};

}  // namespace lrti::report
