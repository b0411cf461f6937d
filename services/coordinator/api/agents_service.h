#pragma once

#include <memory>

#include "services/coordinator/api/parts.h"

namespace grpc {
class Service;
}

namespace lrti::coordinator {

/// lrti.v1.Agents (proto/lrti/v1/worker.proto). `parts` outlive it.
std::unique_ptr<grpc::Service> MakeAgentsService(const Parts& parts);

}  // namespace lrti::coordinator
