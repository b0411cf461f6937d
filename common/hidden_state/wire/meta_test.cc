#include "common/hidden_state/wire/meta.h"

#include <cmath>
#include <functional>
#include <limits>

#include "common/base/status.h"
#include "common/hidden_state/wire/limits.h"
#include "common/hidden_state/wire/test_items.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::wire {
namespace {

using codec::Encoding;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
const Hello kHelloA{.job = 4, .client = 5, .token = std::string("to\0ken", 6)};

Get TwoKeys() { return {.rule = {1, 2, -1}, .keys = {TestKey(1), TestKey(1)}}; }
Placed APlace() {
  return {.item = TestItem(Encoding::kInt8), .offset = 8192, .generation = 7, .crcs = {5}};
}
Invalidate TwoStates() { return {.job = 1, .keys = {TestKey(1), TestKey(2)}}; }

// A sound meta of each kind and what decodes it.
struct Kind {
  std::string name;
  Bytes meta;
  std::function<absl::Status(ByteView)> decode;
};

std::vector<Kind> EachKind() {
  return {
      {"HELLO", Encode(kHelloA), [](ByteView meta) { return DecodeHello(meta).status(); }},
      {"HELLO_ACK", Encode(HelloAck{.incarnation = 3, .credit_bytes = 9}),
       [](ByteView meta) { return DecodeHelloAck(meta).status(); }},
      {"PUT_BEGIN", EncodePutBegin({TestItem(), TestItem(Encoding::kInt8, 9)}),
       [](ByteView meta) { return DecodePutBegin(meta).status(); }},
      {"outcomes", EncodeOutcomes({Outcome::kOk, Outcome::kHave, Outcome::kQuota}),
       [](ByteView meta) { return DecodeOutcomes(meta, 3).status(); }},
      {"GET", Encode(TwoKeys()), [](ByteView meta) { return DecodeGet(meta).status(); }},
      {"GET_ITEM", EncodeFound(TestItem(Encoding::kInt8)),
       [](ByteView meta) { return DecodeFound(meta).status(); }},
      {"GET_ITEM", EncodeStale({7, 8}), [](ByteView meta) { return DecodeStale(meta).status(); }},
      {"CREDIT", EncodeCredit(1 << 20), [](ByteView meta) { return DecodeCredit(meta).status(); }},
      {"INVALIDATE", Encode(TwoStates()),
       [](ByteView meta) { return DecodeInvalidate(meta).status(); }},
      {"POOL", Encode(Pool{8192, 16}), [](ByteView meta) { return DecodePool(meta).status(); }},
      {"PLACE", Encode(APlace()), [](ByteView meta) { return DecodePlaced(meta).status(); }},
      {"RELEASE", EncodeRelease({{0, 1}, {4096, 2}}),
       [](ByteView meta) { return DecodeRelease(meta).status(); }},
  };
}

TEST(Meta, ComesBackAsItWas) {
  EXPECT_EQ(*DecodeHello(Encode(kHelloA)), kHelloA);
  const HelloAck ack{.incarnation = 3, .credit_bytes = 9, .lanes_max = 4};
  EXPECT_EQ(*DecodeHelloAck(Encode(ack)), ack);
  const std::vector<Outcome> outcomes = {Outcome::kOk, Outcome::kStale, Outcome::kClosing};
  EXPECT_EQ(*DecodeOutcomes(EncodeOutcomes(outcomes), 3), outcomes);
  const auto get = DecodeGet(Encode(TwoKeys()));
  EXPECT_EQ(get->keys, TwoKeys().keys);
  EXPECT_EQ(get->rule.lineage, 1u);
  EXPECT_EQ(get->rule.step, 2u);
  EXPECT_EQ(get->rule.staleness_steps_max, -1);
  EXPECT_EQ(*DecodeStale(EncodeStale({7, 8})), (hidden_state::Version{7, 8}));
  EXPECT_EQ(*DecodeCredit(EncodeCredit(5)), 5u);
  EXPECT_EQ(DecodeInvalidate(Encode(TwoStates()))->keys, TwoStates().keys);
  EXPECT_TRUE(DecodeInvalidate(Encode(Invalidate{.job = 3}))->keys.empty());
  EXPECT_EQ(*DecodeError(EncodeError("wrong token")), "wrong token");
  EXPECT_EQ(*DecodePool(Encode(Pool{8192, 16})), (Pool{8192, 16}));
  EXPECT_EQ(*DecodePlaced(Encode(APlace())), APlace());
  const std::vector<LeasedPlace> places = {{0, 1}, {4096, 2}, {4096, 2}};
  EXPECT_EQ(*DecodeRelease(EncodeRelease(places)), places);
}

TEST(Meta, ItemsOfEveryEncodingAndShapeComeBackAsTheyWere) {
  std::vector<Item> items;
  for (const Encoding encoding :
       {Encoding::kFp32, Encoding::kBf16, Encoding::kFp16, Encoding::kInt8}) {
    items.push_back(TestItem(encoding, static_cast<uint32_t>(items.size())));
  }
  Item scalar{.key = TestKey(10), .not_finite = true, .bytes = 4};
  Item empty{.key = TestKey(11), .encoding = Encoding::kInt8, .bytes = 0, .shape = {0, 4}};
  Item deep{.key = TestKey(12), .bytes = 4, .shape = {1, 1, 1, 1, 1, 1, 1, 1}};
  Item line{.key = TestKey(13), .encoding = Encoding::kInt8, .bytes = 5, .shape = {5}};
  line.scales = {1};
  items.insert(items.end(), {scalar, empty, deep, line});
  const auto decoded = DecodePutBegin(EncodePutBegin(items));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ASSERT_EQ(decoded->size(), items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    ASSERT_TRUE((*decoded)[i].ok()) << (*decoded)[i].status();
    EXPECT_EQ(*(*decoded)[i], items[i]) << i;
    EXPECT_EQ(EncodedBytes(items[i]) + sizeof(uint32_t), EncodeFound(items[i]).size());
  }
}

TEST(Meta, IsRefusedWhenCutAtAnyByteEvenWithTheRightChecksum) {
  for (const auto& [name, meta, decode] : EachKind()) {
    ASSERT_TRUE(decode(meta).ok()) << name << decode(meta);
    for (size_t length = 0; length < meta.size(); ++length) {
      const ByteView cut = ByteView(meta).first(length);
      EXPECT_EQ(decode(cut).code(), absl::StatusCode::kDataLoss) << name << " " << length;
      if (length + sizeof(uint32_t) == meta.size()) continue;  // sealing makes it whole again
      const absl::Status status = decode(Writer().AddBytes(cut).TakeSealed());
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << name << " " << length;
      EXPECT_THAT(Message(status), HasSubstr(name));
    }
  }
}

TEST(Meta, IsRefusedWithBytesBehindItBeyondItsBoundOrWithAFlippedBit) {
  for (const auto& [name, meta, decode] : EachKind()) {
    Bytes body(meta.begin(), meta.end() - sizeof(uint32_t));
    EXPECT_FALSE(decode(Writer().AddBytes(body).Add(uint8_t{0}).TakeSealed()).ok()) << name;
    EXPECT_THAT(Message(decode(Bytes(kMetaBytesMax + 1))), HasSubstr("beyond 65536")) << name;
    for (size_t i = 0; i < meta.size(); ++i) {
      EXPECT_FALSE(decode(With(meta, i, meta[i] ^ std::byte{4})).ok()) << name << " " << i;
    }
  }
}

TEST(Meta, EachFieldWrongInTurnIsNamed) {
  const Bytes hello = Encode(kHelloA);
  const Bytes ack = Encode(HelloAck{});
  const Bytes put = EncodePutBegin({TestItem()});
  const Bytes get = Encode(TwoKeys());
  const auto decode_hello = [](ByteView meta) { return DecodeHello(meta).status(); };
  const auto decode_ack = [](ByteView meta) { return DecodeHelloAck(meta).status(); };
  const auto decode_put = [](ByteView meta) { return DecodePutBegin(meta).status(); };
  const auto decode_get = [](ByteView meta) { return DecodeGet(meta).status(); };
  const Bytes pool = Encode(Pool{8192, 16});
  const Bytes placed = Encode(APlace());
  const Bytes release = EncodeRelease({{4096, 2}});
  const auto decode_pool = [](ByteView meta) { return DecodePool(meta).status(); };
  const auto decode_placed = [](ByteView meta) { return DecodePlaced(meta).status(); };
  const auto decode_release = [](ByteView meta) { return DecodeRelease(meta).status(); };
  struct Case {
    std::function<absl::Status(ByteView)> decode;
    Bytes meta;
    std::string message;
  };
  const std::vector<Case> cases = {
      {decode_hello, Resealed(hello, 0, uint8_t{0}), "HELLO: versions 0..1 are no range"},
      {decode_hello, Resealed(hello, 0, uint8_t{255}), "HELLO: versions 255..1 are no range"},
      {decode_hello, Resealed(hello, 18, uint16_t{0}), "HELLO: token of 0 bytes is not in 1..256"},
      {decode_hello, Resealed(hello, 18, uint16_t{257}), "HELLO: token of 257 bytes"},
      {decode_hello, Resealed(hello, 18, uint16_t{7}), "HELLO: meta is cut"},
      {decode_hello, Resealed(hello, 18, uint16_t{5}), "HELLO: 1 bytes after its meta"},
      {decode_ack, Resealed(ack, 0, uint8_t{0}), "HELLO_ACK: version 0 was not offered"},
      {decode_ack, Resealed(ack, 0, uint8_t{255}), "HELLO_ACK: version 255 was not offered"},
      {decode_ack, Resealed(ack, 17, uint32_t{0}), "HELLO_ACK: no lane is allowed"},
      {decode_put, Resealed(put, 0, uint32_t{0}), "PUT_BEGIN: count 0 is not in 1..512"},
      {decode_put, Resealed(put, 0, kItemsMax + 1), "PUT_BEGIN: count 513 is not in 1..512"},
      {decode_put, Resealed(put, 0, ~uint32_t{0}), "PUT_BEGIN: count 4294967295"},
      {decode_put, Resealed(put, 0, uint32_t{2}), "hold no 2 items"},
      {decode_put, Resealed(put, 4 + 73, uint8_t{9}), "item 0: item: 9 dimensions, beyond 8"},
      {decode_put, Resealed(put, 4 + 74, uint8_t{1}), "item 0: item: layout 1 is not known"},
      {decode_put, Resealed(put, 4 + 75, uint8_t{2}), "item 0: item: flags 0x2 are not known"},
      {decode_put, Resealed(put, 4 + 76, kScalesMax + 1), "item: 8193 scales, beyond 8192"},
      {decode_put, Resealed(put, 4 + 76, kScalesMax), "item: cut in its shape or scales"},
      {decode_put, Resealed(put, 4 + 84, uint32_t{1}), "item: reserved bytes are 0x1, not zero"},
      {decode_get, Resealed(get, 24, uint32_t{0}), "GET: count 0 is not in 1..1024"},
      {decode_get, Resealed(get, 24, kKeysMax + 1), "GET: count 1025 is not in 1..1024"},
      {decode_get, Resealed(get, 24, uint32_t{1}), "GET: 96 bytes for 1 keys of 48"},
      {decode_get, Resealed(get, 24, uint32_t{3}), "GET: 96 bytes for 3 keys of 48"},
      {[](ByteView meta) { return DecodeInvalidate(meta).status(); },
       Resealed(Encode(TwoStates()), 0, uint64_t{2}), "INVALIDATE: a key of job 1, not 2"},
      {[](ByteView meta) { return DecodeCredit(meta).status(); },
       Resealed(EncodeCredit(1), 0, kItemBytesMax + 1), "CREDIT: 1073741825 bytes, beyond"},
      {[](ByteView meta) { return DecodeOutcomes(meta, 2).status(); },
       EncodeOutcomes({Outcome::kOk}), "outcomes: 1 for 2 items"},
      {[](ByteView meta) { return DecodeOutcomes(meta, 1).status(); },
       Resealed(EncodeOutcomes({Outcome::kOk}), 0, uint8_t{200}), "outcomes: 200 is not known"},
      {decode_pool, Resealed(pool, 0, uint64_t{0}), "POOL: 0 bytes are no pages of 4096"},
      {decode_pool, Resealed(pool, 0, uint64_t{4097}), "POOL: 4097 bytes are no pages of 4096"},
      {decode_pool, Resealed(pool, 8, uint64_t{8}), "a directory of 8 bytes, where the pool needs"},
      {decode_placed, Resealed(placed, 0, uint64_t{4095}), "PLACE: generation 7 at 4095"},
      {decode_placed, Resealed(placed, 8, uint64_t{0}), "PLACE: generation 0 at 8192"},
      {decode_placed, Resealed(placed, 16 + 72, uint8_t{4}), "PLACE: item: encoding 4"},
      {decode_release, Resealed(release, 0, uint32_t{0}), "RELEASE: count 0 is not in 1..1024"},
      {decode_release, Resealed(release, 0, kKeysMax + 1), "RELEASE: count 1025 is not in"},
      {decode_release, Resealed(release, 0, uint32_t{2}), "RELEASE: 16 bytes for 2 places of 16"},
      {[](ByteView meta) { return DecodeError(meta).status(); },
       Resealed(EncodeError("text"), 1, '\x1b'), "ERROR: text is not printable"},
      {[](ByteView meta) { return DecodeError(meta).status(); },
       Writer().AddText(std::string(kErrorTextBytesMax + 1, 'x')).TakeSealed(),
       "ERROR: text of 1025 bytes, beyond 1024"},
  };
  for (const auto& [decode, meta, message] : cases) {
    SCOPED_TRACE(message);
    const absl::Status status = decode(meta);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Message(status), HasSubstr(message));
  }
}

TEST(Item, ThatIsAtOddsWithItselfIsNamedAndItsNeighboursStand) {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  struct Case {
    std::function<void(Item&)> change;
    std::string message;
  };
  const std::vector<Case> cases = {
      {[](Item& item) { item.encoding = static_cast<Encoding>(4); }, "encoding 4 is not known"},
      {[](Item& item) { item.encoding = static_cast<Encoding>(255); }, "encoding 255 is not known"},
      {[](Item& item) { item.bytes += 1; }, "size is 61, where shape and encoding need 60"},
      {[](Item& item) { item.bytes = 0; }, "size is 0, where shape and encoding need 60"},
      {[](Item& item) { item.encoding = Encoding::kFp16; }, "size is 60"},
      {[](Item& item) {
         item.shape = {1, 3, 4, -5};
       },
       "shape holds -5, which is no size"},
      {[](Item& item) {
         item.shape = {kHuge, kHuge, 3};
       },
       "shape is that of more than"},
      {[](Item& item) {
         item.shape = {int64_t{1} << 30, 2};
       },
       "shape is that of more than"},
      {[](Item& item) {
         item.shape = {int64_t{1} << 32, int64_t{1} << 32};
       },
       "shape is that of more than"},
      {[](Item& item) {
         item.shape = {0, -1};
       },
       "shape holds -1"},
      {[](Item& item) { item.scales.clear(); }, "0 scales, where encoding and shape need 3"},
      {[](Item& item) { item.scales.pop_back(); }, "2 scales, where encoding and shape need 3"},
      {[](Item& item) { item.scales[1] = kNan; }, "scale 1 is nan"},
      {[](Item& item) { item.scales[2] = HUGE_VALF; }, "scale 2 is inf"},
      {[](Item& item) { item.scales[0] = 0; }, "scale 0 is 0"},
      {[](Item& item) { item.scales[0] = -1; }, "scale 0 is -1"},
      {[](Item& item) { item.error_max = kNan; }, "largest error is nan"},
      {[](Item& item) { item.error_max = -1; }, "largest error is -1"},
      {[](Item& item) { item.error_max = HUGE_VALF; }, "largest error is inf"},
      {[](Item& item) {
         item.encoding = Encoding::kBf16;
         item.bytes = 120;
       },
       "3 scales, where encoding and shape need 0"},
  };
  for (const auto& [change, message] : cases) {
    SCOPED_TRACE(message);
    Item wrong = TestItem(Encoding::kInt8, 2);
    ASSERT_TRUE(CheckItem(wrong).ok());
    change(wrong);
    const auto decoded = DecodePutBegin(EncodePutBegin({TestItem(), wrong, TestItem({}, 3)}));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_TRUE((*decoded)[0].ok());
    EXPECT_EQ((*decoded)[1].status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message((*decoded)[1].status()), HasSubstr("item: " + message));
    EXPECT_FALSE(DecodeFound(EncodeFound(wrong)).ok());
  }
}

TEST(PutBegin, TakesAKeyOnce) {
  const auto decoded = DecodePutBegin(EncodePutBegin({TestItem(), TestItem({}, 9), TestItem()}));
  ASSERT_TRUE(decoded.ok());
  EXPECT_TRUE((*decoded)[0].ok());
  EXPECT_TRUE((*decoded)[1].ok());
  EXPECT_EQ(Message((*decoded)[2].status()), "item: its key is that of item 0");
}

TEST(PutBegin, MostItemsAndMostKeysFitAMeta) {
  std::vector<Item> items(kItemsMax, TestItem());
  EXPECT_EQ(DecodePutBegin(EncodePutBegin(items))->size(), kItemsMax);
  EXPECT_EQ(DecodeGet(Encode(Get{.keys = std::vector(kKeysMax, TestKey())}))->keys.size(),
            kKeysMax);
  Item scaled{.encoding = Encoding::kInt8, .bytes = kScalesMax, .shape = {kScalesMax, 1, 1}};
  scaled.scales.assign(kScalesMax, 1);
  EXPECT_EQ(*DecodeFound(EncodeFound(scaled)), scaled);
}

TEST(Token, IsTheSameOnlyWhenAllOfItIs) {
  EXPECT_TRUE(SameToken("abc", "abc"));
  for (const char* other : {"abd", "ab", "abcd", "Abc", ""}) {
    EXPECT_FALSE(SameToken("abc", other)) << other;
  }
  EXPECT_FALSE(SameToken("", "")) << "no token opens nothing";
}

TEST(ErrorText, IsCutAndMadePrintable) {
  EXPECT_EQ(*DecodeError(EncodeError("a\nb\x1b[31m\xff")), "a?b?[31m?");
  EXPECT_EQ(DecodeError(EncodeError(std::string(5000, 'x')))->size(), kErrorTextBytesMax);
}

}  // namespace
}  // namespace lrti::wire
