#pragma once

#include "absl/time/time.h"

namespace lrti::coordinator {

/// When something happens, on two scales. `wall` is for people and may jump. `steady` never goes
/// back, also over restarts of the coordinator: leases, backoff, grace and the ledger use it.
/// Both are whole microseconds, so that they survive the journal unchanged.
struct Moment {
  absl::Time wall = absl::UnixEpoch();
  absl::Duration steady;

  bool operator==(const Moment&) const = default;
};

}  // namespace lrti::coordinator
