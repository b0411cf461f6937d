#include "common/base/clock.h"

#include <chrono>

namespace lrti {

absl::Duration SystemClock::Steady() const {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace lrti
