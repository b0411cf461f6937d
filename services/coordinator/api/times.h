#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/time/time.h"

namespace lrti::coordinator {

inline void Fill(absl::Time time, google::protobuf::Timestamp& message) {
  const int64_t nanos = absl::ToUnixNanos(time);
  message.set_seconds(absl::ToUnixSeconds(time));
  message.set_nanos(static_cast<int32_t>(nanos - message.seconds() * 1'000'000'000));
}

inline void Fill(absl::Duration duration, google::protobuf::Duration& message) {
  absl::Duration rest;
  message.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  message.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

/// Sets nothing for a time that did not come yet.
template <typename Make>
void FillIfThere(absl::Time time, const Make& make) {
  if (time != absl::InfinitePast() && time != absl::InfiniteFuture()) Fill(time, *make());
}

inline absl::Time TimeOf(const google::protobuf::Timestamp& message) {
  return absl::FromUnixSeconds(message.seconds()) + absl::Nanoseconds(message.nanos());
}

inline absl::Duration DurationOf(const google::protobuf::Duration& message) {
  return absl::Seconds(message.seconds()) + absl::Nanoseconds(message.nanos());
}

}  // namespace lrti::coordinator
