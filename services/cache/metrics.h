#pragma once

#include <prometheus/collectable.h>

#include <memory>
#include <vector>

#include "services/cache/control/control_server.h"
#include "services/cache/node/node.h"
#include "services/cache/redis/redis_tier.h"

namespace lrti::cache {

/// A node's `lrti_cache_*` metrics, and `grpc_server_handled_total` of its control plane, read from
/// what the parts count anyway. The parts outlive it; `redis` and `control` may be nullptr.
std::shared_ptr<prometheus::Collectable> CacheMetrics(const Node& node, const RedisTier* redis,
                                                      const ControlServer* control);

}  // namespace lrti::cache
