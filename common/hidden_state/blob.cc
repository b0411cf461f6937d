#include "common/hidden_state/blob.h"

namespace lrti::hidden_state {
namespace {

// Bytes may come from another process: an enum can hold any number.
bool Known(Dtype dtype) {
  return dtype == Dtype::kFp32 || dtype == Dtype::kBf16 || dtype == Dtype::kFp16;
}

}  // namespace

bool WellFormed(const Blob& blob) {
  if (!Known(blob.dtype) || blob.shape.size() > kDimensionsMax) return false;
  uint64_t bytes = BytesPerElement(blob.dtype);
  for (const int64_t size : blob.shape) {
    if (size < 0) return false;
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes)) return false;
  }
  return bytes == blob.bytes.size();
}

}  // namespace lrti::hidden_state
