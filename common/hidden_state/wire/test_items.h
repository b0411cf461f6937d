#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "common/hidden_state/wire/bytes.h"
#include "common/hidden_state/wire/item.h"

/// For tests: states of every kind, and bytes with one place changed.
namespace lrti::wire {

inline hidden_state::StateKey TestKey(uint32_t frame = 6) {
  return {
      .job = 1, .model = 2, .video = 3, .crop = 4, .augmentation = 5, .frame = frame, .branch = 7};
}

/// [1, 3, 4, 5] in the encoding.
inline Item TestItem(codec::Encoding encoding = codec::Encoding::kBf16, uint32_t frame = 6) {
  Item item{.key = TestKey(frame), .version = {8, 9}, .encoding = encoding, .error_max = 0.25f};
  item.shape = {1, 3, 4, 5};
  item.bytes = 60 * codec::BytesPerValue(encoding);
  if (encoding == codec::Encoding::kInt8) item.scales = {0.5f, 1, 2};
  return item;
}

template <typename Number>
Bytes With(Bytes bytes, size_t at, Number number) {
  std::memcpy(bytes.data() + at, &number, sizeof number);
  return bytes;
}

/// A sealed meta whose body was changed, with the checksum that belongs to it then.
template <typename Number>
Bytes Resealed(const Bytes& sealed, size_t at, Number number) {
  Bytes body(sealed.begin(), sealed.end() - sizeof(uint32_t));
  return Writer().AddBytes(With(std::move(body), at, number)).TakeSealed();
}

}  // namespace lrti::wire
