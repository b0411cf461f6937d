#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace lrti::cache {

/// Keeps a stream of bytes to a mean rate, with bursts of at most a second's worth.
///
/// A plain value: the caller passes the time in and waits itself.
class TokenBucket {
 public:
  /// REQUIRES: bytes_per_second > 0.
  explicit TokenBucket(uint64_t bytes_per_second)
      : rate_(static_cast<double>(bytes_per_second)), tokens_(rate_) {}

  /// Takes `bytes` and answers how long to wait before they are sent. More than a burst is allowed:
  /// it is paid for by waiting.
  absl::Duration Take(uint64_t bytes, absl::Duration now) {
    tokens_ = std::min(rate_, tokens_ + rate_ * absl::ToDoubleSeconds(now - last_));
    last_ = now;
    tokens_ -= static_cast<double>(bytes);
    return tokens_ >= 0 ? absl::ZeroDuration() : absl::Seconds(-tokens_ / rate_);
  }

 private:
  double rate_;
  double tokens_;
  absl::Duration last_ = absl::ZeroDuration();
};

}  // namespace lrti::cache
