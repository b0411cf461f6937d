#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "common/hidden_state/wire/limits.h"
#include "common/hidden_state/wire/manifest.h"
#include "common/hidden_state/wire/meta.h"
#include "common/hidden_state/wire/test_items.h"
#include "gtest/gtest.h"

namespace {

// Heap of this program's C++ code, as the allocator rounds it.
uint64_t held = 0;
uint64_t held_max = 0;

}  // namespace

void* operator new(size_t size) {
  void* const block = std::malloc(std::max(size, size_t{1}));
  if (block == nullptr) std::abort();
  held += malloc_usable_size(block);
  held_max = std::max(held_max, held);
  return block;
}

void operator delete(void* block) noexcept {
  if (block != nullptr) held -= malloc_usable_size(block);
  std::free(block);
}

void operator delete(void* block, size_t) noexcept { operator delete(block); }

namespace lrti::wire {
namespace {

// The most heap that any decoder has at one time over these bytes.
uint64_t MostFor(ByteView bytes) {
  uint64_t most = 0;
  const auto measure = [&](auto decode) {
    held_max = held;
    const uint64_t before = held;
    { const auto decoded = decode(bytes); }
    most = std::max(most, held_max - before);
  };
  measure(DecodeHello);
  measure(DecodeHelloAck);
  measure(DecodePutBegin);
  measure(DecodeGet);
  measure(DecodeFound);
  measure(DecodeStale);
  measure(DecodeCredit);
  measure(DecodeInvalidate);
  measure(DecodePool);
  measure(DecodePlaced);
  measure(DecodeRelease);
  measure(DecodeError);
  measure([](ByteView meta) { return DecodeOutcomes(meta, meta.size()); });
  measure([](ByteView meta) { return DecodeManifest(meta, TestKey()); });
  return most;
}

std::vector<Item> ManyItems() {
  std::vector<Item> items;
  for (uint32_t i = 0; i < kItemsMax; ++i) items.push_back(TestItem(codec::Encoding::kBf16, i));
  return items;
}

TEST(Decoders, TheLargestMetasStayWithinTheBound) {
  Manifest manifest{.item = TestItem(codec::Encoding::kInt8), .crcs = {}};
  manifest.item.shape = {kScalesMax, 1024, 128};
  manifest.item.bytes = kItemBytesMax;
  manifest.item.scales.assign(kScalesMax, 1);
  manifest.crcs.resize(ChunkCount(kItemBytesMax));
  const Bytes put = EncodePutBegin(ManyItems());
  EXPECT_GT(MostFor(put), kItemsMax * sizeof(Item)) << "the heap is measured";
  EXPECT_LE(MostFor(put), kDecodedBytesMax);
  EXPECT_LE(MostFor(Encode(Get{.keys = std::vector(kKeysMax, TestKey())})), kDecodedBytesMax);
  EXPECT_LE(MostFor(EncodeFound(manifest.item)), kDecodedBytesMax);
  EXPECT_LE(MostFor(EncodeManifest(manifest)), kDecodedBytesMax);
  const Placed placed{.item = manifest.item, .generation = 1, .crcs = manifest.crcs};
  EXPECT_LE(MostFor(Encode(placed)), kDecodedBytesMax);
  EXPECT_LE(MostFor(EncodeRelease(std::vector<LeasedPlace>(kKeysMax))), kDecodedBytesMax);
  EXPECT_LE(MostFor(Bytes(uint64_t{1} << 24)), kDecodedBytesMax) << "beyond the bound of a meta";
}

// Each place of each kind with the largest number in it, and its checksum made right.
TEST(Decoders, NoLengthThatLiesMakesThemAllocate) {
  const Manifest manifest{.item = TestItem(), .crcs = {1}};
  for (const Bytes& sealed :
       {EncodePutBegin({TestItem(), TestItem(codec::Encoding::kInt8, 9)}),
        Encode(Hello{.token = "token"}), Encode(Get{.keys = {TestKey()}}),
        Encode(Invalidate{.job = 1, .keys = {TestKey()}}), EncodeFound(TestItem()),
        EncodeManifest(manifest), Encode(Placed{.item = TestItem(), .generation = 1, .crcs = {1}}),
        EncodeRelease({LeasedPlace{}})}) {
    for (size_t at = 0; at + 2 * sizeof(uint32_t) <= sealed.size(); ++at) {
      EXPECT_LE(MostFor(Resealed(sealed, at, ~uint32_t{0})), kDecodedBytesMax) << at;
      EXPECT_LE(MostFor(Resealed(sealed, at, kScalesMax)), kDecodedBytesMax) << at;
    }
  }
}

}  // namespace
}  // namespace lrti::wire
