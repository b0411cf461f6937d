#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"
#include "common/base/random.h"

namespace lrti::worker {

/// How long to wait before asking a coordinator again that did not answer: twice as long each time,
/// from a quarter of a second to 10 s, and up to half of it off by chance, so that not all agents
/// come back at once.
class Backoff {
 public:
  explicit Backoff(uint64_t seed) : random_({seed}) {}

  void Succeeded() { failures_ = 0; }

  absl::Duration Failed() {
    const absl::Duration full =
        std::min(absl::Seconds(10), absl::Milliseconds(250) * (int64_t{1} << failures_));
    failures_ = std::min(failures_ + 1, 10);
    return full / 2 + full / 2 * (static_cast<double>(random_.Below(1001)) / 1000);
  }

 private:
  Random random_;
  int failures_ = 0;
};

}  // namespace lrti::worker
