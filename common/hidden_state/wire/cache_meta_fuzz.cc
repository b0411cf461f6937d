#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/base/check.h"
#include "common/hidden_state/wire/limits.h"
#include "common/hidden_state/wire/meta.h"

namespace lrti::wire {
namespace {

void CheckEqual(const Bytes& again, ByteView meta) { LRTI_CHECK(std::ranges::equal(again, meta)); }

void CheckPromises(const Item& item) {
  LRTI_CHECK(CheckItem(item).ok());
  LRTI_CHECK(item.bytes <= kItemBytesMax && item.scales.size() <= kScalesMax);
}

void TryPutBegin(ByteView meta) {
  const auto items = DecodePutBegin(meta);
  if (!items.ok()) return;
  LRTI_CHECK(!items->empty() && items->size() <= kItemsMax);
  std::vector<Item> sound;
  for (const auto& item : *items) {
    if (!item.ok()) continue;
    CheckPromises(*item);
    sound.push_back(*item);
  }
  if (sound.size() == items->size()) CheckEqual(EncodePutBegin(sound), meta);
}

template <typename Decoded>
void TryAgain(const Decoded& decoded, ByteView meta) {
  if (decoded.ok()) CheckEqual(Encode(*decoded), meta);
}

void TryAll(ByteView meta) {
  TryPutBegin(meta);
  TryAgain(DecodeHello(meta), meta);
  TryAgain(DecodeHelloAck(meta), meta);
  TryAgain(DecodeGet(meta), meta);
  TryAgain(DecodeInvalidate(meta), meta);
  TryAgain(DecodePool(meta), meta);
  if (const auto placed = DecodePlaced(meta); placed.ok()) {
    CheckPromises(placed->item);
    CheckEqual(Encode(*placed), meta);
  }
  if (const auto places = DecodeRelease(meta); places.ok()) {
    CheckEqual(EncodeRelease(*places), meta);
  }
  if (const auto found = DecodeFound(meta); found.ok()) {
    CheckPromises(*found);
    CheckEqual(EncodeFound(*found), meta);
  }
  if (const auto stale = DecodeStale(meta); stale.ok()) CheckEqual(EncodeStale(*stale), meta);
  if (const auto credit = DecodeCredit(meta); credit.ok()) CheckEqual(EncodeCredit(*credit), meta);
  if (const auto text = DecodeError(meta); text.ok()) CheckEqual(EncodeError(*text), meta);
  const size_t items = meta.size() - std::min(meta.size(), sizeof(uint32_t));
  if (const auto outcomes = DecodeOutcomes(meta, items);
      outcomes.ok() && items >= 1 && items <= kItemsMax) {
    CheckEqual(EncodeOutcomes(*outcomes), meta);
  }
}

}  // namespace
}  // namespace lrti::wire

// The input as it is, and with the checksum that belongs to it, so that the fields are reached.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lrti::wire;
  const ByteView input = std::as_bytes(std::span(data, size));
  TryAll(input);
  if (size + sizeof(uint32_t) <= kMetaBytesMax) TryAll(Writer().AddBytes(input).TakeSealed());
  return 0;
}
