#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "train/formats/pickle_value.h"

namespace lrti::formats {

/// What Unpickle allows; a network's checkpoint stays far below.
struct UnpickleLimits {
  size_t bytes_max = size_t{64} << 20;
  size_t values_max = 1'000'000;  // also of what waits on the stack and in the memo
  size_t dimensions_max = 16;
};

/// Reads a pickle of protocol 2 to 5, as `torch.save` writes it, into plain data. It runs nothing:
/// the names that it knows are
///
///     collections.OrderedDict · torch.Size · torch.{Double,Float,Half,...}Storage
///     torch._utils._rebuild_tensor_v2 · torch._utils._rebuild_parameter
///     _codecs.encode (bytes in protocol 2) · numpy's dtype and scalar (a score in `meta`)
///
/// A parameter becomes its tensor, an OrderedDict a Dict without its attributes, a torch.Size its
/// tuple, a numpy scalar a number.
/// Errors: InvalidArgument for any other name, `asks for code: 'os.system'; ...`; DataLoss for what
/// is no such pickle, is damaged, or passes the limits. Messages name the byte, not the file.
absl::StatusOr<PickleDocument> Unpickle(std::string_view bytes, const UnpickleLimits& limits = {});

}  // namespace lrti::formats
