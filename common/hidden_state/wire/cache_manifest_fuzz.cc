#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "common/hidden_state/wire/limits.h"
#include "common/hidden_state/wire/manifest.h"

namespace lrti::wire {
namespace {

void Try(ByteView bytes, const hidden_state::StateKey& key) {
  const auto manifest = DecodeManifest(bytes, key);
  if (!manifest.ok()) return;
  LRTI_CHECK(manifest->item.key == key && CheckItem(manifest->item).ok());
  LRTI_CHECK(manifest->crcs.size() == ChunkCount(manifest->item.bytes));
  LRTI_CHECK(std::ranges::equal(EncodeManifest(*manifest), bytes));
}

}  // namespace
}  // namespace lrti::wire

// A manifest without its checksum; its own key is the one asked for, since a guess would never be.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lrti::wire;
  const ByteView input = std::as_bytes(std::span(data, size));
  Try(input, {});
  Reader reader(input);
  reader.TakeBytes(sizeof(uint32_t));
  const lrti::hidden_state::StateKey key = TakeKey(reader);
  Try(Writer().AddBytes(input).TakeSealed(), key);
  return 0;
}
