#pragma once

#include <memory>

#include "services/coordinator/api/parts.h"

namespace grpc {
class Service;
}

namespace lrti::coordinator {

/// lrti.v1.Coordinator (proto/lrti/v1/coordinator.proto). `parts` outlive it.
std::unique_ptr<grpc::Service> MakeJobsService(const Parts& parts);

}  // namespace lrti::coordinator
