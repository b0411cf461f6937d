#pragma once

#include "absl/status/status.h"
#include "train/checkpoint/safetensors.h"

namespace torch::nn {
class Module;
}  // namespace torch::nn

namespace lrti::checkpoint {

/// The module's parameters and buffers by name, sharing their memory.
NamedTensors TensorsOf(const torch::nn::Module& module);

/// Copies tensors into the parameters and buffers of the same names; dtype and device stay the
/// module's, so that floats of any width are taken. All or nothing: after an error the module is as
/// it was.
///
/// Errors: InvalidArgument that lists names with another shape, integers for floats (or the
/// reverse) and, when `strict`, names that are missing or unexpected: ten of each, then how many
/// more. Without `strict`, names that do not match are left alone, but at least one must.
absl::Status LoadInto(torch::nn::Module& module, const NamedTensors& tensors, bool strict);

}  // namespace lrti::checkpoint
