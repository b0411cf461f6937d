#include "common/hidden_state/wire/manifest.h"

#include <set>

#include "common/base/status.h"
#include "common/hidden_state/wire/test_items.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// 27,648,000 bytes, 27 checksums, 14 chunks in Redis.
Manifest Large() {
  Manifest manifest{.item = {.key = TestKey(), .version = {8, 9}}};
  manifest.item.shape = {1, 120, 180, 320};
  manifest.item.bytes = 27'648'000;
  for (uint32_t i = 0; i < 27; ++i) manifest.crcs.push_back(i * 0x01010101);
  return manifest;
}

TEST(Manifest, ComesBackAsItWas) {
  EXPECT_EQ(ChunkCount(Large().item.bytes, kRedisChunkBytes), 14u);
  EXPECT_EQ(*DecodeManifest(EncodeManifest(Large()), TestKey()), Large());
  Manifest scaled{.item = TestItem(codec::Encoding::kInt8), .crcs = {5}};
  EXPECT_EQ(*DecodeManifest(EncodeManifest(scaled), TestKey()), scaled);
  Manifest empty{.item = {.key = TestKey(), .shape = {0}}};
  EXPECT_EQ(*DecodeManifest(EncodeManifest(empty), TestKey()), empty);
}

TEST(Manifest, OfAnotherStateIsNotFound) {
  const auto decoded = DecodeManifest(EncodeManifest(Large()), TestKey(1000));
  EXPECT_EQ(decoded.status().code(), absl::StatusCode::kNotFound);
}

TEST(Manifest, IsRefusedWhenCutFlippedOrWrongInAField) {
  const Bytes whole = EncodeManifest(Large());
  for (size_t length = 0; length < whole.size(); ++length) {
    const ByteView cut = ByteView(whole).first(length);
    EXPECT_EQ(DecodeManifest(cut, TestKey()).status().code(), absl::StatusCode::kDataLoss);
    if (length + sizeof(uint32_t) == whole.size()) continue;  // sealing makes it whole again
    EXPECT_EQ(DecodeManifest(Writer().AddBytes(cut).TakeSealed(), TestKey()).status().code(),
              absl::StatusCode::kDataLoss);
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_FALSE(DecodeManifest(With(whole, i, whole[i] ^ std::byte{1}), TestKey()).ok()) << i;
  }
  const std::vector<std::pair<Bytes, std::string>> cases = {
      {Resealed(whole, 0, 'X'), "manifest: magic"},
      {Resealed(whole, 4 + 64, uint64_t{27'648'001}), "manifest: item: size is 27648001"},
      {Resealed(whole, 4 + 88 + 8, int64_t{60}), "where shape and encoding need 13824000"},
      {Resealed(whole, 4 + 72, uint8_t{7}), "manifest: item: encoding 7 is not known"},
      {Bytes(kManifestBytesMax + 1), "manifest: 65537 bytes, beyond 65536"},
      {Bytes(3), "manifest: 3 bytes hold no CRC"},
  };
  for (const auto& [bytes, message] : cases) {
    EXPECT_THAT(Message(DecodeManifest(bytes, TestKey()).status()), HasSubstr(message));
  }
  Bytes more(whole.begin(), whole.end() - sizeof(uint32_t));
  EXPECT_THAT(
      Message(DecodeManifest(Writer().AddBytes(more).Add(1).TakeSealed(), TestKey()).status()),
      HasSubstr("manifest: 112 bytes for 27 CRCs"));
}

TEST(Manifest, OfTheLargestStateFits) {
  Manifest largest{.item = {.encoding = codec::Encoding::kInt8, .bytes = kItemBytesMax}};
  largest.item.shape = {kScalesMax, 1024, 128};
  largest.item.scales.assign(kScalesMax, 1);
  largest.crcs.resize(ChunkCount(kItemBytesMax));
  EXPECT_EQ(*DecodeManifest(EncodeManifest(largest), {}), largest);
}

TEST(RedisNames, KeepAStateOnOneSlotAndItsVersionsApart) {
  EXPECT_THAT(ManifestName(TestKey()), MatchesRegex("hs1:\\{[0-9a-f]{32}\\}:m"));
  const std::string tag = ManifestName(TestKey()).substr(0, 39);
  EXPECT_EQ(ChunkName(TestKey(), {8, 9}, 13), tag + "8.9:13");
  EXPECT_NE(ChunkName(TestKey(), {8, 9}, 13), ChunkName(TestKey(), {8, 10}, 13));
}

TEST(RedisNames, EveryFieldOfTheKeyCounts) {
  std::set<std::string> names;
  for (int field = 0; field < 8; ++field) {
    hidden_state::StateKey key = TestKey();
    uint64_t* const wide[] = {&key.job, &key.model, &key.video, &key.crop, &key.augmentation};
    if (field < 5) *wide[field] += 100;
    if (field == 5) key.frame += 100;
    if (field == 6) key.branch += 100;
    names.insert(ManifestName(key));
  }
  EXPECT_EQ(names.size(), 8u);
}

// Names are found again by later releases: never change this one.
TEST(RedisNames, StayTheSame) {
  EXPECT_EQ(ManifestName({}), "hs1:{a76a25f5577d3074a8b16c7e65dee7c6}:m");
}

}  // namespace
}  // namespace lrti::wire
