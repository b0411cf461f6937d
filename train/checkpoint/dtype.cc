#include "train/checkpoint/dtype.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/check.h"
#include "common/base/status.h"

namespace lrti::checkpoint {
namespace {

using formats::Dtype;

constexpr std::array<std::pair<Dtype, c10::ScalarType>, 10> kDtypes = {{
    {Dtype::kDouble, c10::ScalarType::Double},
    {Dtype::kFloat, c10::ScalarType::Float},
    {Dtype::kHalf, c10::ScalarType::Half},
    {Dtype::kBFloat16, c10::ScalarType::BFloat16},
    {Dtype::kLong, c10::ScalarType::Long},
    {Dtype::kInt, c10::ScalarType::Int},
    {Dtype::kShort, c10::ScalarType::Short},
    {Dtype::kChar, c10::ScalarType::Char},
    {Dtype::kByte, c10::ScalarType::Byte},
    {Dtype::kBool, c10::ScalarType::Bool},
}};

}  // namespace

absl::StatusOr<Dtype> FileDtype(c10::ScalarType dtype) {
  for (const auto& [file, tensor] : kDtypes) {
    if (tensor == dtype) return file;
  }
  return InvalidArgument("dtype {} cannot be stored", c10::toString(dtype));
}

c10::ScalarType TensorDtype(Dtype dtype) {
  const auto known = std::find_if(kDtypes.begin(), kDtypes.end(),
                                  [dtype](const auto& pair) { return pair.first == dtype; });
  LRTI_CHECK(known != kDtypes.end());
  return known->second;
}

bool BoolsAreSound(const at::Tensor& tensor) {
  if (tensor.scalar_type() != c10::ScalarType::Bool) return true;
  const auto* bytes = static_cast<const uint8_t*>(tensor.const_data_ptr());
  return std::all_of(bytes, bytes + tensor.nbytes(), [](uint8_t byte) { return byte <= 1; });
}

}  // namespace lrti::checkpoint
