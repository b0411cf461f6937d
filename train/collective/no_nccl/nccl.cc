#include "train/collective/nccl.h"

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "common/base/status.h"

namespace lrti::train {

absl::StatusOr<c10::intrusive_ptr<c10d::Backend>> MakeNccl(const c10::intrusive_ptr<c10d::Store>&,
                                                           int64_t, int64_t, const c10::Device&,
                                                           absl::Duration) {
  return Error(
      absl::StatusCode::kUnavailable,
      "this build has no NCCL, which several ranks on GPUs need; build with the CUDA wheel "
      "of LibTorch and the nccl.h of its NCCL, or train with --device cpu");
}

}  // namespace lrti::train
