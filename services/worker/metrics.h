#pragma once

#include <prometheus/collectable.h>

#include <memory>

#include "services/worker/agent/agent_loop.h"

namespace lrti::worker {

/// The agent's metrics, read from what it counts anyway. The loop outlives them.
std::shared_ptr<prometheus::Collectable> WorkerMetrics(const AgentLoop& loop);

}  // namespace lrti::worker
