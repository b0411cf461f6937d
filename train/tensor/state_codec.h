#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "absl/status/statusor.h"
#include "common/hidden_state/store.h"

namespace lrti::train {

/// A state [B, C, H, W] as bytes of `dtype`. Where fp16 cannot hold its range (beyond 65504) the
/// blob is bf16, so that a state is never turned into infinities; one with values that are not
/// finite is fp32 in place of int8.
std::shared_ptr<const hidden_state::Blob> Encode(const at::Tensor& state,
                                                 hidden_state::Dtype dtype);

/// The state again, as fp32 on the CPU.
/// Errors: DataLoss when shape, dtype, size and scales of the blob do not agree.
absl::StatusOr<at::Tensor> Decode(const hidden_state::Blob& blob);

}  // namespace lrti::train
