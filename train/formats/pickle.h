#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/formats/dtype.h"

namespace lrti::formats {

/// A tensor to be named in a pickle: all of its own storage, row-major.
struct PickledTensor {
  std::string name;
  Dtype dtype = Dtype::kFloat;
  std::vector<int64_t> shape;
};

/// A pickle (protocol 2) of `{group: OrderedDict(name: tensor, ...)}`, or of the OrderedDict alone
/// where `group` is empty, with only what `torch.load(weights_only=True)` accepts. The elements of
/// tensor i are storage "i" on the CPU.
/// REQUIRES: names in UTF-8, sizes not negative.
std::string PickleTensors(const std::string& group, const std::vector<PickledTensor>& tensors);

}  // namespace lrti::formats
