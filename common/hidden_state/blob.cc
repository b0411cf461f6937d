#include "common/hidden_state/blob.h"

#include <algorithm>
#include <cmath>

#include "common/hidden_state/chunks.h"

namespace lrti::hidden_state {
namespace {

// Bytes may come from another process: an enum can hold any number.
bool Known(Dtype dtype) {
  return static_cast<uint8_t>(dtype) <= static_cast<uint8_t>(Dtype::kInt8);
}

bool HasSoundScales(const Blob& blob) {
  const bool scaled = blob.dtype == Dtype::kInt8 && !blob.bytes.empty();
  return blob.scales.size() == (scaled ? PlanesOf(blob.shape) : 0) &&
         std::all_of(blob.scales.begin(), blob.scales.end(),
                     [](float scale) { return std::isfinite(scale) && scale > 0; });
}

bool HasAllCrcs(const Blob& blob) {
  return blob.crcs.empty() ||
         blob.crcs.size() == (blob.bytes.size() + kCrcChunkBytes - 1) / kCrcChunkBytes;
}

}  // namespace

uint64_t PlanesOf(const std::vector<int64_t>& shape) {
  uint64_t planes = 1;
  for (size_t i = 0; i + 2 < shape.size(); ++i) planes *= static_cast<uint64_t>(shape[i]);
  return planes;
}

bool WellFormed(const Blob& blob) {
  if (!Known(blob.dtype) || blob.shape.size() > kDimensionsMax) return false;
  uint64_t bytes = BytesPerElement(blob.dtype);
  for (const int64_t size : blob.shape) {
    if (size < 0) return false;
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes)) return false;
  }
  return bytes == blob.bytes.size() && HasSoundScales(blob) && HasAllCrcs(blob);
}

}  // namespace lrti::hidden_state
