#include <algorithm>
#include <memory>
#include <numeric>

#include "common/base/crc32c.h"
#include "common/base/status.h"
#include "common/hidden_state/client/exchanges.h"
#include "common/hidden_state/wire/test_items.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::hidden_state::client {
namespace {

using testing::HasSubstr;
using wire::FrameHeader;
using wire::FrameType;
using wire::Outcome;

constexpr uint64_t kSoon = 1000;
constexpr Rule kRule{.lineage = 8, .step = 10, .staleness_steps_max = 1};  // TestItem is of 8, 9

// A state of `bytes` bytes.
wire::Item ItemOf(uint32_t frame, uint64_t bytes) {
  wire::Item item = wire::TestItem(codec::Encoding::kBf16, frame);
  item.shape = {static_cast<int64_t>(bytes / 2)};
  item.bytes = bytes;
  return item;
}

struct Getting {
  std::vector<StateKey> keys = {wire::TestKey(1), wire::TestKey(2)};
  std::vector<size_t> items = {0, 1};
  std::vector<Answer> answers = std::vector<Answer>(2);
  std::vector<std::vector<std::byte>> rooms = std::vector<std::vector<std::byte>>(2);
  uint64_t largest = 1 << 20;
  Destination destination = [this](size_t index, const wire::Item& item) {
    if (item.bytes > largest) return std::span<std::byte>();
    rooms[index].resize(item.bytes);
    return std::span(rooms[index]);
  };
  GetExchange get{keys, items, kRule, destination, answers};

  Getting() { EXPECT_TRUE(get.Next(kSoon).has_value()); }

  absl::Status Item(uint32_t place, const wire::Item& item) {
    return get
        .OnFrame({.type = FrameType::kGetItem, .request = 1, .item = place},
                 wire::EncodeFound(item))
        .status();
  }

  absl::Status Data(uint32_t place, uint64_t offset, std::span<const std::byte> bytes,
                    uint32_t crc) {
    const FrameHeader header{.type = FrameType::kGetData,
                             .payload_bytes = bytes.size(),
                             .request = 1,
                             .item = place,
                             .offset = offset,
                             .payload_crc = crc};
    const auto room = get.OnFrame(header, {});
    if (!room.ok()) return room.status();
    std::ranges::copy(bytes.first(room->size()), room->begin());
    return get.OnPayload(header, Crc32c(bytes));
  }

  absl::Status End(Outcome outcome = Outcome::kOk) {
    return get.OnFrame({.type = FrameType::kGetEnd, .request = 1, .outcome = outcome}, {}).status();
  }
};

const std::vector<std::byte> kSix(6, std::byte{7});

TEST(GetExchange, HitsMissesAndStaleStatesEachHaveTheirFate) {
  Getting it;
  ASSERT_TRUE(it.Item(0, ItemOf(1, 6)).ok());
  ASSERT_TRUE(it.Data(0, 0, kSix, Crc32c(kSix)).ok());
  ASSERT_TRUE(
      it.get
          .OnFrame(
              {.type = FrameType::kGetItem, .request = 1, .item = 1, .outcome = Outcome::kStale},
              wire::EncodeStale({8, 3}))
          .ok());
  EXPECT_FALSE(it.get.done());
  ASSERT_TRUE(it.End().ok());
  EXPECT_TRUE(it.get.done());
  EXPECT_EQ(it.answers[0].fate, Fate::kOk);
  EXPECT_EQ(it.answers[0].version, (Version{8, 9}));
  EXPECT_EQ(it.rooms[0], kSix);
  EXPECT_EQ(it.answers[1].fate, Fate::kStale);
  EXPECT_EQ(it.answers[1].version, (Version{8, 3}));
}

TEST(GetExchange, WhatIsNotAnsweredIsAMissOrHadNoTime) {
  Getting one;
  ASSERT_TRUE(one.End().ok());
  EXPECT_EQ(one.answers[0].fate, Fate::kMiss);
  Getting other;
  ASSERT_TRUE(other.End(Outcome::kTimeout).ok());
  EXPECT_EQ(other.answers[1].fate, Fate::kTimeout);
}

TEST(GetExchange, AWrongChecksumIsCorruptAndTheNextItemGoesOn) {
  Getting it;
  ASSERT_TRUE(it.Item(0, ItemOf(1, 6)).ok());
  ASSERT_TRUE(it.Data(0, 0, kSix, 1).ok());
  ASSERT_TRUE(it.Item(1, ItemOf(2, 6)).ok());
  ASSERT_TRUE(it.Data(1, 0, kSix, Crc32c(kSix)).ok());
  ASSERT_TRUE(it.End().ok());
  EXPECT_EQ(it.answers[0].fate, Fate::kCorrupt);
  EXPECT_EQ(it.answers[1].fate, Fate::kOk);
}

TEST(GetExchange, ANodeThatIgnoresTheRuleMakesNoHit) {
  Getting it;
  wire::Item old = ItemOf(1, 6);
  old.version.step = 8;
  ASSERT_TRUE(it.Item(0, old).ok());
  ASSERT_TRUE(it.Data(0, 0, kSix, Crc32c(kSix)).ok());
  ASSERT_TRUE(it.End().ok());
  EXPECT_EQ(it.answers[0].fate, Fate::kStale);
  EXPECT_TRUE(it.rooms[0].empty());
}

TEST(GetExchange, AStateWithoutRoomIsTurnedDown) {
  Getting it;
  it.largest = 4;
  ASSERT_TRUE(it.Item(0, ItemOf(1, 6)).ok());
  ASSERT_TRUE(it.Data(0, 0, kSix, Crc32c(kSix)).ok());
  ASSERT_TRUE(it.End().ok());
  EXPECT_EQ(it.answers[0].fate, Fate::kBadItem);
}

TEST(GetExchange, ADescriptionThatCannotBeReadMakesNoHit) {
  Getting it;
  wire::Bytes meta = wire::EncodeFound(ItemOf(1, 6));
  meta[10] ^= std::byte{1};
  EXPECT_FALSE(it.get.OnFrame({.type = FrameType::kGetItem, .request = 1, .item = 0}, meta).ok());
  EXPECT_EQ(it.answers[0].fate, Fate::kNodeDown);
}

TEST(GetExchange, AnEmptyStateNeedsNoData) {
  Getting it;
  ASSERT_TRUE(it.Item(0, ItemOf(1, 0)).ok());
  ASSERT_TRUE(it.End().ok());
  EXPECT_EQ(it.answers[0].fate, Fate::kOk);
}

TEST(GetExchange, WhatMakesNoSenseEndsTheLane) {
  const uint64_t chunk = wire::kChunkBytes;
  const std::vector<std::byte> whole(chunk);
  const auto fails = [](const absl::Status& status, const std::string& why) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Message(status), HasSubstr(why));
  };
  fails(Getting().Item(0, ItemOf(2, 6)), "another key");
  fails(Getting().Item(2, ItemOf(1, 6)), "item 2 of 2");
  fails(Getting().Data(0, 0, kSix, 0), "goes on at 0");
  {
    Getting it;
    ASSERT_TRUE(it.Item(0, ItemOf(1, 6)).ok());
    fails(it.Item(0, ItemOf(1, 6)), "answered twice");
    fails(it.Data(0, 0, std::span(kSix).first(4), 0), "payload length 4");
    fails(it.Data(0, chunk, kSix, 0), "goes on at");
    fails(it.End(), "0 of 6 bytes");
    ASSERT_TRUE(it.Data(0, 0, kSix, 0).ok());
    fails(it.Data(0, 0, kSix, 0), "where 6 is next");
  }
  {
    Getting it;
    it.largest = 2 * chunk;
    ASSERT_TRUE(it.Item(0, ItemOf(1, chunk + 6)).ok());
    fails(it.Data(0, 0, kSix, 0), "payload length 6");
    ASSERT_TRUE(it.Data(0, 0, whole, 0).ok());
    fails(it.Data(0, chunk, whole, 0), "payload length");
  }
  Getting it;
  fails(it.get.OnFrame({.type = FrameType::kGetEnd, .request = 2}, {}).status(), "out of turn");
  fails(it.get.OnFrame({.type = FrameType::kPutGrant, .request = 1}, {}).status(), "out of turn");
  ASSERT_TRUE(it.End().ok());
  fails(it.End(), "out of turn");
}

struct Placing {
  std::vector<StateKey> keys = {wire::TestKey(1), wire::TestKey(2)};
  std::vector<size_t> items = {0, 1};
  std::vector<Answer> answers = std::vector<Answer>(2);
  LocateExchange locate{keys, items, kRule, true, answers};

  Placing() { EXPECT_EQ(locate.Next(kSoon)->header.type, FrameType::kLease); }

  absl::Status Place(uint32_t place, const wire::Item& item) {
    const wire::Placed placed{.item = item,
                              .offset = 4096,
                              .generation = 5,
                              .crcs = std::vector<uint32_t>(wire::ChunkCount(item.bytes))};
    return locate
        .OnFrame({.type = FrameType::kPlace, .request = 1, .item = place}, wire::Encode(placed))
        .status();
  }
};

TEST(LocateExchange, PlacesAreKeptAlsoThoseToBeReleasedAtOnce) {
  Placing it;
  wire::Item old = ItemOf(2, 6);
  old.version.lineage = 1;
  ASSERT_TRUE(it.Place(0, ItemOf(1, 6)).ok());
  ASSERT_TRUE(it.Place(1, old).ok());
  ASSERT_TRUE(it.locate.OnFrame({.type = FrameType::kGetEnd, .request = 1}, {}).ok());
  EXPECT_TRUE(it.locate.done());
  EXPECT_EQ(it.locate.found().size(), 2u);
  EXPECT_EQ(it.answers[1].fate, Fate::kStale);
}

TEST(LocateExchange, WhatMakesNoSenseEndsTheLane) {
  EXPECT_THAT(Message(Placing().Place(2, ItemOf(1, 6))), HasSubstr("out of turn"));
  EXPECT_THAT(Message(Placing().Place(0, ItemOf(2, 6))), HasSubstr("another key"));
  Placing it;
  ASSERT_TRUE(it.Place(0, ItemOf(1, 6)).ok());
  EXPECT_THAT(Message(it.Place(0, ItemOf(1, 6))), HasSubstr("answered twice"));
}

struct Putting {
  std::vector<std::byte> bytes = std::vector<std::byte>(2 * wire::kChunkBytes);
  std::vector<Offer> offers;
  std::vector<Fate> fates;
  std::unique_ptr<PutExchange> put;
  uint64_t request = 0;

  void Add(uint32_t frame, uint64_t size) {
    offers.push_back({ItemOf(frame, size), std::span(bytes).first(size), {}});
  }

  std::vector<wire::Item> Begin() {
    if (!put) {
      fates.assign(offers.size(), Fate::kNodeDown);
      std::vector<size_t> items(offers.size());
      std::iota(items.begin(), items.end(), size_t{0});
      put = std::make_unique<PutExchange>(offers, items, fates);
    }
    const auto frame = put->Next(kSoon);
    std::vector<wire::Item> items;
    if (!frame) return items;
    EXPECT_EQ(frame->header.type, FrameType::kPutBegin);
    request = frame->header.request;
    const auto begun = wire::DecodePutBegin(frame->meta);
    for (const auto& item : *begun) items.push_back(*item);
    return items;
  }

  absl::Status Answer(FrameType type, const std::vector<Outcome>& outcomes) {
    return put->OnFrame({.type = type, .request = request}, wire::EncodeOutcomes(outcomes))
        .status();
  }

  // Places and offsets of the chunks that come.
  std::vector<std::pair<uint32_t, uint64_t>> Chunks() {
    std::vector<std::pair<uint32_t, uint64_t>> chunks;
    while (const auto frame = put->Next(kSoon)) {
      EXPECT_EQ(frame->header.payload_crc, Crc32c(frame->payload));
      chunks.emplace_back(frame->header.item, frame->header.offset);
    }
    return chunks;
  }
};

TEST(PutExchange, SendsWhatWasGrantedAndNothingElse) {
  Putting it;
  it.Add(1, wire::kChunkBytes + 2);
  it.Add(2, 6);
  it.Add(3, 6);
  it.Add(4, 0);
  EXPECT_EQ(it.Begin().size(), 4u);
  EXPECT_TRUE(it.Chunks().empty());
  const auto kOk = Outcome::kOk;
  ASSERT_TRUE(it.Answer(FrameType::kPutGrant, {kOk, Outcome::kStale, kOk, kOk}).ok());
  EXPECT_THAT(it.Chunks(), testing::ElementsAre(std::pair(0, 0), std::pair(0, wire::kChunkBytes),
                                                std::pair(2, 0)));
  ASSERT_TRUE(it.Answer(FrameType::kPutDone, {kOk, Outcome::kStale, Outcome::kCorrupt, kOk}).ok());
  EXPECT_TRUE(it.put->done());
  EXPECT_THAT(it.fates, testing::ElementsAre(Fate::kOk, Fate::kStale, Fate::kCorrupt, Fate::kOk));
}

TEST(PutExchange, TheProducersCrcsAreSentAsTheyAre) {
  Putting it;
  const std::vector<uint32_t> crcs = {17, 4};
  it.Add(1, wire::kChunkBytes + 2);
  it.offers[0].crcs = crcs;
  EXPECT_EQ(it.Begin().size(), 1u);
  ASSERT_TRUE(it.Answer(FrameType::kPutGrant, {Outcome::kOk}).ok());
  EXPECT_EQ(it.put->Next(kSoon)->header.payload_crc, 17u);
  EXPECT_EQ(it.put->Next(kSoon)->header.payload_crc, 4u);
}

TEST(PutExchange, AKeyThatComesAgainWaitsForTheNextRequest) {
  Putting it;
  it.Add(1, 6);
  it.Add(2, 6);
  it.Add(1, 8);
  EXPECT_EQ(it.Begin().size(), 2u);
  ASSERT_TRUE(it.Answer(FrameType::kPutGrant, {Outcome::kNoSpace, Outcome::kHave}).ok());
  EXPECT_FALSE(it.put->done());
  const auto second = it.Begin();
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].bytes, 8u);
  ASSERT_TRUE(it.Answer(FrameType::kPutGrant, {Outcome::kNoSpace}).ok());
  EXPECT_TRUE(it.put->done());
  EXPECT_THAT(it.fates, testing::ElementsAre(Fate::kNoSpace, Fate::kOk, Fate::kNoSpace));
}

TEST(PutExchange, WhatTheQuotaKeptOutIsOfferedAgainAsLongAsOthersGetIn) {
  Putting it;
  it.Add(1, 6);
  it.Add(2, 6);
  EXPECT_EQ(it.Begin().size(), 2u);
  ASSERT_TRUE(it.Answer(FrameType::kPutGrant, {Outcome::kOk, Outcome::kQuota}).ok());
  EXPECT_EQ(it.Chunks().size(), 1u);
  ASSERT_TRUE(it.Answer(FrameType::kPutDone, {Outcome::kOk, Outcome::kQuota}).ok());
  EXPECT_EQ(it.Begin().size(), 1u);
  ASSERT_TRUE(it.Answer(FrameType::kPutGrant, {Outcome::kQuota}).ok());
  EXPECT_TRUE(it.put->done());
  EXPECT_THAT(it.fates, testing::ElementsAre(Fate::kOk, Fate::kNoSpace));
}

TEST(PutExchange, SplitsWhatOneRequestCannotHold) {
  Putting it;
  for (uint32_t i = 0; i < 600; ++i) it.Add(i, 0);
  size_t begun = 0;
  while (begun < 600) {
    const size_t count = it.Begin().size();
    ASSERT_GT(count, 0u);
    ASSERT_LE(count, wire::kItemsMax);
    begun += count;
    const std::vector<Outcome> all(count, Outcome::kOk);
    ASSERT_TRUE(it.Answer(FrameType::kPutGrant, all).ok());
    ASSERT_TRUE(it.Answer(FrameType::kPutDone, all).ok());
  }
  EXPECT_TRUE(it.put->done());
  EXPECT_THAT(it.fates, testing::Each(Fate::kOk));
}

TEST(PutExchange, WhatMakesNoSenseEndsTheLane) {
  Putting it;
  it.Add(1, 6);
  it.Begin();
  EXPECT_FALSE(it.Answer(FrameType::kPutDone, {Outcome::kOk}).ok());
  EXPECT_FALSE(it.Answer(FrameType::kPutGrant, {Outcome::kOk, Outcome::kOk}).ok());
  ASSERT_TRUE(it.Answer(FrameType::kPutGrant, {Outcome::kOk}).ok());
  EXPECT_FALSE(it.Answer(FrameType::kPutGrant, {Outcome::kOk}).ok());
  EXPECT_FALSE(it.Answer(FrameType::kPutDone, {Outcome::kOk}).ok());  // before the data
}

TEST(InvalidateExchange, SplitsKeysAndEndsWithTheLastAck) {
  InvalidateExchange many(1, std::vector<StateKey>(wire::kKeysMax + 1));
  InvalidateExchange all(1, {});
  for (auto [exchange, requests] : {std::pair<Exchange*, uint64_t>(&many, 2), {&all, 1}}) {
    for (uint64_t request = 1; request <= requests; ++request) {
      EXPECT_FALSE(exchange->done());
      ASSERT_EQ(exchange->Next(kSoon)->header.request, request);
      EXPECT_FALSE(exchange->Next(kSoon).has_value());
      const FrameHeader ack{.type = FrameType::kInvalidateAck, .request = request};
      EXPECT_TRUE(exchange->OnFrame(ack, {}).ok());
      EXPECT_FALSE(exchange->OnFrame(ack, {}).ok());
    }
    EXPECT_TRUE(exchange->done());
  }
}

}  // namespace
}  // namespace lrti::hidden_state::client
