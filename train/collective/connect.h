#pragma once

#include <c10/core/Device.h>

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "train/collective/collective.h"
#include "train/ranks/ranks.h"

namespace lrti::train {

struct Patience {
  absl::Duration connect = absl::Seconds(60);  // until all ranks are there
  /// Of one exchange. A second line of defence: that a rank is dead shows at once, by its
  /// connections; one that hangs is found by who watches its heartbeat.
  absl::Duration exchange = absl::Minutes(30);
};

/// Meets the other ranks: over Gloo, and for tensors of a GPU over NCCL. Rank 0 runs the store at
/// which they find each other; what they say there is kept apart by attempt. A rank alone gets a
/// LocalCollective.
///
/// Errors: Unavailable when the store does not answer or ranks are missing after
/// `patience.connect`, or for a GPU in a build without NCCL.
absl::StatusOr<std::unique_ptr<Collective>> Connect(const Ranks& ranks, const c10::Device& device,
                                                    const Patience& patience = {});

}  // namespace lrti::train
