#pragma once

#include <c10/util/intrusive_ptr.h>

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace c10d {
class Backend;
class Store;
}  // namespace c10d

namespace lrti::train {

/// Collectives on the CPU, over TCP between all ranks, through the interface of `address`, which is
/// one of this machine's. Returns when all are connected. LibTorch's and Gloo's exceptions.
c10::intrusive_ptr<c10d::Backend> MakeGloo(const c10::intrusive_ptr<c10d::Store>& store,
                                           int64_t rank, int64_t world_size,
                                           const std::string& address, absl::Duration timeout);

}  // namespace lrti::train
