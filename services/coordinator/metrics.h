#pragma once

#include <prometheus/collectable.h>

#include <memory>

#include "common/rpc/calls.h"
#include "services/coordinator/engine/engine.h"

namespace lrti::coordinator {

/// The coordinator's metrics, read from what the engine knows anyway: after a restart they say what
/// the journal says, so that `sum by (state) (lrti_jobs)` is the job table. Both outlive it.
std::shared_ptr<prometheus::Collectable> CoordinatorMetrics(const Engine& engine,
                                                            const rpc::Calls& calls);

}  // namespace lrti::coordinator
