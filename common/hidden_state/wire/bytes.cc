#include "common/hidden_state/wire/bytes.h"

#include "common/base/crc32c.h"
#include "common/base/status.h"

namespace lrti::wire {

Bytes Writer::TakeSealed() {
  Add(Crc32c(bytes_));
  return Take();
}

absl::StatusOr<ByteView> Unseal(ByteView sealed) {
  if (sealed.size() < sizeof(uint32_t)) return DataLoss("{} bytes hold no CRC", sealed.size());
  const ByteView body = sealed.first(sealed.size() - sizeof(uint32_t));
  const auto crc = Reader(sealed.last(sizeof(uint32_t))).Take<uint32_t>();
  if (crc != Crc32c(body)) return DataLoss("its CRC does not agree with its bytes");
  return body;
}

}  // namespace lrti::wire
