#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/events/event_sink.h"

namespace lrti::events {

/// The descriptor that an environment variable `name` gives as `text`: open, and open for writing.
/// Programs started later do not inherit it. Errors: InvalidArgument, naming the variable.
absl::StatusOr<int> OpenEventFd(const std::string& name, const std::string& text);

/// Writes events as JSON lines to a descriptor that it does not own. Thread-safe.
///
/// Every line begins with `ts` (RFC 3339, UTC, microseconds), `seq` (1, 2, 3, ...) and `event`.
/// Lines never interleave; one of at most 4096 bytes is one write. NaN and infinity become null,
/// bytes that are not UTF-8 become U+FFFD, an event longer than kLineBytesMax is replaced by
/// its kind and `"truncated": true`.
///
/// A reader cannot hold the writer up: a full pipe is waited for once, at most `patience`; from
/// then on events are dropped at once until the reader takes bytes again, which shows as a gap in
/// `seq`. A reader that is gone ends all writing, quietly. The constructor makes the process ignore
/// SIGPIPE, which would end it otherwise.
class FdEventSink final : public EventSink {
 public:
  static constexpr size_t kLineBytesMax = size_t{64} << 10;

  FdEventSink(int fd, const Clock& clock, absl::Duration patience = absl::Seconds(1));

  /// REQUIRES: an object with a string `event`.
  void Emit(const Event& event) override;

  /// The reader is gone, or the descriptor failed; nothing is written any more.
  bool closed() const;

  /// Events that no reader will see, for any reason.
  uint64_t dropped() const;

 private:
  enum class Outcome { kDone, kFull, kBroken };

  std::string Line(const Event& event, uint64_t seq) const;
  void Send(std::string line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Outcome Write(std::string_view& bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Outcome AwaitRoom(absl::Duration patience) const;

  const int fd_;
  const Clock& clock_;
  const absl::Duration patience_;
  mutable Mutex mutex_;
  uint64_t seq_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string rest_ ABSL_GUARDED_BY(mutex_);  // end of a line whose beginning is written
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace lrti::events
