#pragma once

#include <c10/core/Device.h>
#include <c10/util/intrusive_ptr.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace c10d {
class Backend;
class Store;
}  // namespace c10d

namespace lrti::train {

/// Collectives between GPUs. In nccl/ or no_nccl/, whichever this build has.
/// Errors: Unavailable for a build without NCCL, or with the headers of another one than
/// LibTorch's. LibTorch's exceptions.
absl::StatusOr<c10::intrusive_ptr<c10d::Backend>> MakeNccl(
    const c10::intrusive_ptr<c10d::Store>& store, int64_t rank, int64_t world_size,
    const c10::Device& device, absl::Duration timeout);

}  // namespace lrti::train
