#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/hidden_state/store.h"
#include "gtest/gtest.h"

/// The guarantees of Store as tests. Include it in one test file of a program and write
///
///     INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, testing::Values(StoreCase{"memory", make}));
namespace lrti::hidden_state {

/// How to make a store that holds at most about `bytes_max` bytes of payload.
struct StoreCase {
  std::string name;
  std::function<std::unique_ptr<Store>(uint64_t bytes_max)> make;

  friend void PrintTo(const StoreCase& store, std::ostream* out) { *out << store.name; }
};

class StoreContract : public ::testing::TestWithParam<StoreCase> {
 protected:
  static constexpr uint64_t kPlenty = uint64_t{64} << 20;
  static constexpr Rule kAnyAge{.lineage = 1, .step = 1000, .staleness_steps_max = -1};

  std::unique_ptr<Store> Make(uint64_t bytes_max = kPlenty) { return GetParam().make(bytes_max); }

  static StateKey Key(uint32_t frame, uint64_t job = 1) {
    return {.job = job, .model = 2, .video = 3, .crop = 4, .augmentation = 5, .frame = frame};
  }

  /// `count` two-byte elements that all depend on `seed`.
  static std::shared_ptr<const Blob> Bytes(uint32_t seed, int64_t count = 6) {
    auto blob = std::make_shared<Blob>();
    blob->dtype = Dtype::kBf16;
    blob->shape = {1, count};
    for (uint32_t i = 0; i < 2 * static_cast<uint32_t>(count); ++i) {
      blob->bytes.push_back(static_cast<std::byte>((seed * 31 + i * 7) & 0xff));
    }
    return blob;
  }

  static PutStatus Put(Store& store, const StateKey& key, const Version& version,
                       std::shared_ptr<const Blob> blob) {
    const PutItem item{key, version, std::move(blob)};
    const std::vector<PutStatus> statuses = store.Put(std::span(&item, 1));
    EXPECT_EQ(statuses.size(), 1u);
    return statuses.at(0);
  }

  static GetResult Get(Store& store, const StateKey& key, const Rule& rule) {
    const std::vector<GetResult> results = store.Get(std::span(&key, 1), rule);
    EXPECT_EQ(results.size(), 1u);
    EXPECT_EQ(results.at(0).status == GetStatus::kHit, results.at(0).blob != nullptr);
    return results.at(0);
  }

  static void ExpectHit(Store& store, const StateKey& key, const Rule& rule, const Blob& blob) {
    const GetResult result = Get(store, key, rule);
    ASSERT_EQ(result.status, GetStatus::kHit);
    EXPECT_EQ(result.blob->dtype, blob.dtype);
    EXPECT_EQ(result.blob->shape, blob.shape);
    EXPECT_TRUE(result.blob->bytes == blob.bytes);
    EXPECT_EQ(result.blob->scales, blob.scales);
  }
};

TEST_P(StoreContract, AHitIsByteForByteWhatWasPut) {
  const auto store = Make();
  int frame = 0;
  for (const Dtype dtype : {Dtype::kFp32, Dtype::kBf16, Dtype::kFp16, Dtype::kInt8}) {
    for (const std::vector<int64_t>& shape :
         {std::vector<int64_t>{2, 3, 5}, std::vector<int64_t>{}, std::vector<int64_t>{0, 4}}) {
      auto blob = std::make_shared<Blob>();
      blob->dtype = dtype;
      blob->shape = shape;
      size_t bytes = BytesPerElement(dtype);
      for (const int64_t size : shape) bytes *= static_cast<size_t>(size);
      for (size_t i = 0; i < bytes; ++i) blob->bytes.push_back(static_cast<std::byte>(255 - i));
      if (dtype == Dtype::kInt8 && bytes > 0) blob->scales.resize(shape.empty() ? 1 : 2, 0.25f);
      const StateKey key = Key(static_cast<uint32_t>(frame++));
      ASSERT_EQ(Put(*store, key, {1, 5}, blob), PutStatus::kStored);
      ExpectHit(*store, key, kAnyAge, *blob);
      EXPECT_EQ(Get(*store, key, kAnyAge).version, (Version{1, 5}));
    }
  }
}

TEST_P(StoreContract, EveryFieldOfTheKeyTellsStatesApart) {
  const auto store = Make();
  std::vector<StateKey> keys(8, Key(1));
  keys[1].job = 9;
  keys[2].model = 9;
  keys[3].video = 9;
  keys[4].crop = 9;
  keys[5].augmentation = 9;
  keys[6].frame = 9;
  keys[7].branch = 9;
  for (uint32_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(Get(*store, keys[i], kAnyAge).status, GetStatus::kMiss);
    ASSERT_EQ(Put(*store, keys[i], {1, 1}, Bytes(i)), PutStatus::kStored);
  }
  for (uint32_t i = 0; i < keys.size(); ++i) ExpectHit(*store, keys[i], kAnyAge, *Bytes(i));
}

TEST_P(StoreContract, AHitObeysLineageFutureAndStaleness) {
  const auto store = Make();
  ASSERT_EQ(Put(*store, Key(1), {7, 100}, Bytes(1)), PutStatus::kStored);
  struct Case {
    Rule rule;
    bool hit;
  };
  constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();
  const std::array cases = {
      Case{{7, 100, 0}, true},
      Case{{7, 101, 0}, false},
      Case{{7, 108, 8}, true},
      Case{{7, 109, 8}, false},
      Case{{7, 99, 8}, false},
      Case{{7, 99, -1}, false},
      Case{{8, 100, -1}, false},
      Case{{6, 100, 8}, false},
      Case{{7, 100, -1}, true},
      Case{{7, kLast, -1}, true},
      Case{{7, kLast, std::numeric_limits<int64_t>::max()}, false},
  };
  for (const auto& [rule, hit] : cases) {
    SCOPED_TRACE(testing::Message()
                 << rule.lineage << " " << rule.step << " " << rule.staleness_steps_max);
    const GetResult result = Get(*store, Key(1), rule);
    EXPECT_EQ(result.status, hit ? GetStatus::kHit : GetStatus::kStale);
    EXPECT_EQ(result.version, (Version{7, 100}));
  }
}

TEST_P(StoreContract, AnOlderPutNeverReplacesAFresherState) {
  const auto store = Make();
  ASSERT_EQ(Put(*store, Key(1), {1, 10}, Bytes(10)), PutStatus::kStored);
  EXPECT_EQ(Put(*store, Key(1), {1, 9}, Bytes(9)), PutStatus::kStale);
  ExpectHit(*store, Key(1), kAnyAge, *Bytes(10));
  EXPECT_EQ(Put(*store, Key(1), {1, 10}, Bytes(11)), PutStatus::kStored);
  ExpectHit(*store, Key(1), kAnyAge, *Bytes(11));
  EXPECT_EQ(Put(*store, Key(1), {1, 12}, Bytes(12, 20)), PutStatus::kStored);
  ExpectHit(*store, Key(1), kAnyAge, *Bytes(12, 20));
  EXPECT_EQ(store->GetStats().entries, 1u);
  EXPECT_EQ(store->GetStats().bytes, 40u);
}

TEST_P(StoreContract, AnotherLineageAlwaysReplaces) {
  const auto store = Make();
  ASSERT_EQ(Put(*store, Key(1), {5, 1400}, Bytes(1)), PutStatus::kStored);
  EXPECT_EQ(Put(*store, Key(1), {3, 1000}, Bytes(2)), PutStatus::kStored);
  EXPECT_EQ(Get(*store, Key(1), {5, 1400, -1}).status, GetStatus::kStale);
  ExpectHit(*store, Key(1), {3, 1000, 0}, *Bytes(2));
}

TEST_P(StoreContract, EraseForgetsTheNamedStatesAlone) {
  const auto store = Make();
  for (uint32_t frame : {1u, 2u, 3u}) {
    ASSERT_EQ(Put(*store, Key(frame), {1, 1}, Bytes(frame)), PutStatus::kStored);
  }
  const std::array gone = {Key(1), Key(3), Key(99), Key(1)};
  store->Erase(gone);
  EXPECT_EQ(Get(*store, Key(1), kAnyAge).status, GetStatus::kMiss);
  EXPECT_EQ(Get(*store, Key(3), kAnyAge).status, GetStatus::kMiss);
  ExpectHit(*store, Key(2), kAnyAge, *Bytes(2));
  EXPECT_EQ(store->GetStats().entries, 1u);
  EXPECT_EQ(store->GetStats().bytes, 12u);
}

TEST_P(StoreContract, AnErasedStateMayComeBackOlder) {
  const auto store = Make();
  ASSERT_EQ(Put(*store, Key(1), {1, 10}, Bytes(1)), PutStatus::kStored);
  store->Erase(std::array{Key(1)});
  EXPECT_EQ(Put(*store, Key(1), {1, 4}, Bytes(2)), PutStatus::kStored);
  ExpectHit(*store, Key(1), kAnyAge, *Bytes(2));
}

TEST_P(StoreContract, DropForgetsAJobAndNoOther) {
  const auto store = Make();
  constexpr uint64_t kLast = std::numeric_limits<uint64_t>::max();
  for (const uint64_t job : {uint64_t{0}, uint64_t{1}, uint64_t{2}, kLast}) {
    for (uint32_t frame : {0u, 7u}) {
      ASSERT_EQ(Put(*store, Key(frame, job), {1, 1}, Bytes(frame)), PutStatus::kStored);
    }
  }
  store->Drop(1);
  store->Drop(kLast);
  store->Drop(12345);
  for (uint32_t frame : {0u, 7u}) {
    EXPECT_EQ(Get(*store, Key(frame, 1), kAnyAge).status, GetStatus::kMiss);
    EXPECT_EQ(Get(*store, Key(frame, kLast), kAnyAge).status, GetStatus::kMiss);
    ExpectHit(*store, Key(frame, 0), kAnyAge, *Bytes(frame));
    ExpectHit(*store, Key(frame, 2), kAnyAge, *Bytes(frame));
  }
  EXPECT_EQ(store->GetStats().entries, 4u);
}

TEST_P(StoreContract, AHitOutlivesEraseAndDrop) {
  const auto store = Make();
  ASSERT_EQ(Put(*store, Key(1), {1, 1}, Bytes(1)), PutStatus::kStored);
  const GetResult held = Get(*store, Key(1), kAnyAge);
  store->Drop(1);
  ASSERT_NE(held.blob, nullptr);
  EXPECT_TRUE(held.blob->bytes == Bytes(1)->bytes);
}

TEST_P(StoreContract, StatsCountEveryLookup) {
  const auto store = Make();
  ASSERT_EQ(Put(*store, Key(1), {1, 1}, Bytes(1)), PutStatus::kStored);
  const std::array keys = {Key(1), Key(2), Key(1), Key(3), Key(4)};
  ASSERT_EQ(store->Get(keys, kAnyAge).size(), keys.size());
  ASSERT_EQ(Get(*store, Key(1), {2, 1, -1}).status, GetStatus::kStale);
  const Store::Stats stats = store->GetStats();
  EXPECT_EQ(stats.hits, 2u);
  EXPECT_EQ(stats.misses, 3u);
  EXPECT_EQ(stats.stale, 1u);
  EXPECT_EQ(stats.entries, 1u);
  EXPECT_EQ(stats.bytes, 12u);
}

TEST_P(StoreContract, RefusesABlobWhoseShapeLies) {
  const auto store = Make();
  constexpr int64_t kHuge = int64_t{1} << 62;
  const std::array<std::vector<int64_t>, 7> shapes = {{
      {-1, -12},
      {-6},
      {5},
      {7},
      {kHuge, 4},
      {kHuge, kHuge, 0},
      std::vector<int64_t>(9, 1),
  }};
  for (const std::vector<int64_t>& shape : shapes) {
    SCOPED_TRACE(testing::PrintToString(shape));
    auto blob = std::make_shared<Blob>(*Bytes(1));  // 12 bytes: shape {6} would be right
    blob->shape = shape;
    EXPECT_EQ(Put(*store, Key(1), {1, 1}, blob), PutStatus::kBadShape);
  }
  auto unknown = std::make_shared<Blob>(*Bytes(1));
  unknown->dtype = static_cast<Dtype>(77);
  EXPECT_EQ(Put(*store, Key(1), {1, 1}, unknown), PutStatus::kBadShape);
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const std::vector<float>& scales : {std::vector<float>{},
                                           {1, 1},
                                           {0},
                                           {-1},
                                           {kNan},
                                           {std::numeric_limits<float>::infinity()}}) {
    auto scaled = std::make_shared<Blob>(*Bytes(1, 3));
    scaled->dtype = Dtype::kInt8;
    scaled->shape = {1, 6};
    scaled->scales = scales;
    EXPECT_EQ(Put(*store, Key(1), {1, 1}, scaled), PutStatus::kBadShape);
  }
  auto summed = std::make_shared<Blob>(*Bytes(1));
  summed->crcs = {1, 2};
  EXPECT_EQ(Put(*store, Key(1), {1, 1}, summed), PutStatus::kBadShape);
  EXPECT_EQ(Put(*store, Key(1), {1, 1}, nullptr), PutStatus::kBadShape);
  EXPECT_EQ(Get(*store, Key(1), kAnyAge).status, GetStatus::kMiss);
  EXPECT_EQ(store->GetStats().entries, 0u);
}

TEST_P(StoreContract, KeepsItsBoundByRefusingOrByLettingOthersGo) {
  constexpr uint64_t kBound = 1 << 20;
  constexpr int64_t kCount = 16 << 10;  // 32 KiB each
  const auto store = Make(kBound);
  for (uint32_t frame = 0; frame < 100; ++frame) {
    const PutStatus status = Put(*store, Key(frame), {1, 1}, Bytes(frame, kCount));
    if (status == PutStatus::kNoSpace) {
      EXPECT_EQ(Get(*store, Key(frame), kAnyAge).status, GetStatus::kMiss);
    } else {
      ASSERT_EQ(status, PutStatus::kStored);
      ExpectHit(*store, Key(frame), kAnyAge, *Bytes(frame, kCount));
    }
  }
  uint64_t served = 0;
  for (uint32_t frame = 0; frame < 100; ++frame) {
    const GetResult result = Get(*store, Key(frame), kAnyAge);
    if (result.status != GetStatus::kHit) continue;
    ++served;
    EXPECT_TRUE(result.blob->bytes == Bytes(frame, kCount)->bytes);
  }
  EXPECT_GT(served, 8u);
  EXPECT_LE(served, 32u);
  EXPECT_EQ(store->GetStats().entries, served);
  EXPECT_EQ(store->GetStats().bytes, served * 2 * kCount);
  // Room that is given back can be used again.
  store->Drop(1);
  EXPECT_EQ(store->GetStats().bytes, 0u);
  EXPECT_EQ(Put(*store, Key(7), {1, 1}, Bytes(7, kCount)), PutStatus::kStored);
}

TEST_P(StoreContract, AReplacementThatDoesNotFitLeavesTheOldState) {
  constexpr uint64_t kBound = 1 << 20;
  const auto store = Make(kBound);
  ASSERT_EQ(Put(*store, Key(1), {1, 1}, Bytes(1)), PutStatus::kStored);
  EXPECT_EQ(Put(*store, Key(1), {1, 2}, Bytes(2, kBound)), PutStatus::kNoSpace);
  const GetResult result = Get(*store, Key(1), kAnyAge);
  if (result.status == GetStatus::kHit) {
    EXPECT_TRUE(result.blob->bytes == Bytes(1)->bytes);
  }
  EXPECT_NE(result.version, (Version{1, 2}));
}

TEST_P(StoreContract, OneCallMayNameAKeyTwice) {
  const auto store = Make();
  const std::array items = {PutItem{Key(1), {1, 3}, Bytes(3)}, PutItem{Key(1), {1, 2}, Bytes(2)},
                            PutItem{Key(1), {1, 4}, Bytes(4)}};
  EXPECT_EQ(store->Put(items),
            (std::vector{PutStatus::kStored, PutStatus::kStale, PutStatus::kStored}));
  const std::array keys = {Key(1), Key(1)};
  for (const GetResult& result : store->Get(keys, kAnyAge)) {
    ASSERT_EQ(result.status, GetStatus::kHit);
    EXPECT_TRUE(result.blob->bytes == Bytes(4)->bytes);
  }
  EXPECT_EQ(store->GetStats().entries, 1u);
}

TEST_P(StoreContract, CallsWithoutItemsDoNothing) {
  const auto store = Make();
  ASSERT_EQ(Put(*store, Key(1), {1, 1}, Bytes(1)), PutStatus::kStored);
  EXPECT_TRUE(store->Put({}).empty());
  EXPECT_TRUE(store->Get({}, kAnyAge).empty());
  store->Erase({});
  EXPECT_EQ(store->GetStats().entries, 1u);
  EXPECT_EQ(store->GetStats().hits, 0u);
}

TEST_P(StoreContract, AnswersInTheOrderAsked) {
  const auto store = Make();
  ASSERT_EQ(Put(*store, Key(1), {1, 1}, Bytes(1)), PutStatus::kStored);
  ASSERT_EQ(Put(*store, Key(3), {1, 2000}, Bytes(3)), PutStatus::kStored);
  const std::array keys = {Key(3), Key(2), Key(1)};
  const std::vector<GetResult> results = store->Get(keys, kAnyAge);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].status, GetStatus::kStale);
  EXPECT_EQ(results[1].status, GetStatus::kMiss);
  EXPECT_EQ(results[2].status, GetStatus::kHit);
}

TEST_P(StoreContract, ThreadsNeverSeeMixedBytes) {
  constexpr uint32_t kRounds = 300;
  const auto store = Make();
  std::atomic<uint64_t> hits = 0;
  std::atomic<uint64_t> broken = 0;
  {
    std::vector<std::jthread> threads;
    for (uint32_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (uint32_t round = 0; round < kRounds; ++round) {
          const uint64_t step = uint64_t{round} * 4 + t;
          const StateKey key = Key(round % 5);
          const PutItem item{key, {1, step}, Bytes(static_cast<uint32_t>(step), 500)};
          if (store->Put(std::span(&item, 1)).size() != 1) ++broken;
          const std::vector<GetResult> got = store->Get(std::span(&key, 1), {1, 1 << 20, -1});
          if (got.at(0).status == GetStatus::kHit) {
            ++hits;
            const auto wanted = Bytes(static_cast<uint32_t>(got[0].version.step), 500);
            if (got[0].blob->bytes != wanted->bytes) ++broken;
          }
          if (round % 50 == t) store->Erase(std::span(&key, 1));
          if (round % 100 == 99 && t == 0) store->Drop(1);
        }
      });
    }
  }
  EXPECT_EQ(broken, 0u);
  EXPECT_GT(hits, kRounds);
}

}  // namespace lrti::hidden_state
