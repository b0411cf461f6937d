#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/hidden_state/wire/frame.h"

namespace lrti::wire {
namespace {

// Gives the header the CRC that belongs to it, so that its other fields are reached.
void Seal(HeaderBytes& bytes) {
  std::memset(bytes.data() + 8, 0, sizeof(uint32_t));
  const uint32_t crc = Crc32c(bytes);
  std::memcpy(bytes.data() + 8, &crc, sizeof crc);
}

void Try(const HeaderBytes& bytes, uint64_t item_bytes) {
  const auto header = DecodeHeader(bytes);
  if (!header.ok()) return;
  LRTI_CHECK(header->meta_bytes <= kMetaBytesMax && header->payload_bytes <= kChunkBytes);
  LRTI_CHECK(header->offset <= kItemBytesMax - header->payload_bytes);
  if (!Known(header->type)) {
    LRTI_CHECK((header->flags & kMustUnderstand) == 0);
    return;
  }
  LRTI_CHECK(EncodeHeader(*header) == bytes);
  if (CheckPlace(*header, item_bytes).ok()) {
    LRTI_CHECK(header->offset < item_bytes);
    LRTI_CHECK(header->payload_bytes <= item_bytes - header->offset);
  }
}

}  // namespace
}  // namespace lrti::wire

// The first 8 bytes: how large the item is; then the header.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lrti::wire;
  uint64_t item_bytes = 0;
  HeaderBytes bytes;
  if (size < sizeof item_bytes + bytes.size()) return 0;
  std::memcpy(&item_bytes, data, sizeof item_bytes);
  std::memcpy(bytes.data(), data + sizeof item_bytes, bytes.size());
  Try(bytes, item_bytes);
  Seal(bytes);
  Try(bytes, item_bytes);
  return 0;
}
