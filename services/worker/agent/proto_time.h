#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/time/time.h"

namespace lrti::worker {

inline void SetDuration(absl::Duration duration, google::protobuf::Duration& to) {
  absl::Duration rest;
  to.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  to.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

inline absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

/// REQUIRES: a time of this era.
inline void SetTime(absl::Time time, google::protobuf::Timestamp& to) {
  const int64_t nanoseconds = absl::ToUnixNanos(time);
  to.set_seconds(nanoseconds / 1'000'000'000);
  to.set_nanos(static_cast<int32_t>(nanoseconds % 1'000'000'000));
}

}  // namespace lrti::worker
