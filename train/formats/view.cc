#include "train/formats/view.h"

#include <algorithm>

#include "common/base/status.h"
#include "fmt/ranges.h"

namespace lrti::formats {
namespace {

std::string Described(const TensorRef& view, const Storage& storage) {
  return fmt::format("a tensor of shape [{}], strides [{}] at element {} of storage '{}' with {}",
                     fmt::join(view.shape, ", "), fmt::join(view.strides, ", "), view.offset,
                     storage.key, storage.numel);
}

bool Negative(int64_t number) { return number < 0; }

}  // namespace

absl::Status CheckView(const TensorRef& view, const Storage& storage) {
  if (view.shape.size() != view.strides.size() || view.offset < 0 ||
      std::ranges::any_of(view.shape, Negative) || std::ranges::any_of(view.strides, Negative)) {
    return DataLoss("{} is not possible", Described(view, storage));
  }
  if (std::ranges::find(view.shape, 0) != view.shape.end()) {
    if (view.offset <= storage.numel) return absl::OkStatus();
    return DataLoss("{} lies outside", Described(view, storage));
  }
  int64_t numel = 1;
  int64_t last = view.offset;
  for (size_t i = 0; i < view.shape.size(); ++i) {
    int64_t reach = 0;
    if (__builtin_mul_overflow(numel, view.shape[i], &numel) ||
        __builtin_mul_overflow(view.shape[i] - 1, view.strides[i], &reach) ||
        __builtin_add_overflow(last, reach, &last)) {
      return DataLoss("{} is larger than any memory", Described(view, storage));
    }
  }
  if (last >= storage.numel) return DataLoss("{} lies outside", Described(view, storage));
  if (numel > storage.numel) {
    return DataLoss("{} repeats elements; save it with .contiguous()", Described(view, storage));
  }
  return absl::OkStatus();
}

}  // namespace lrti::formats
