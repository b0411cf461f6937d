#include "services/cache/pool/state_table.h"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "common/base/sanitized.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/cache/pool/budget.h"

namespace lrti::cache {
namespace {

using hidden_state::Rule;
using hidden_state::StateKey;
using hidden_state::Version;

constexpr uint64_t kPage = Slots::kPageBytes;
constexpr Rule kAnyAge{.lineage = 1, .step = 1000, .staleness_steps_max = -1};

StateKey Key(uint32_t frame, uint64_t job = 1) { return {.job = job, .frame = frame}; }

// Limits that stand in nobody's way.
StateTable::Limits Wide(uint64_t pool_bytes, uint64_t extent_bytes) {
  return {.pool_bytes = pool_bytes,
          .extent_bytes = extent_bytes,
          .leased_bytes_max = pool_bytes,
          .leased_bytes_client_max = pool_bytes,
          .put_bytes_client_max = pool_bytes};
}

// A table of four slots of a page, in one extent, with one client.
struct Four {
  explicit Four(const StateTable::Limits& limits = Wide(4 * kPage, 4 * kPage)) : table(limits) {
    EXPECT_TRUE(table.Register(kPage));
    client = table.Open();
  }

  Answer Put(const StateKey& key, const Version& version = {1, 1}, uint64_t bytes = kPage) {
    const StateTable::Granted granted = table.Reserve(client, key, version, bytes);
    if (granted.answer != Answer::kOk) return granted.answer;
    EXPECT_TRUE(table.BeginWrite(granted.place));
    return table.EndWrite(granted.place, true);
  }

  Answer Get(const StateKey& key, const Rule& rule = kAnyAge) {
    return table.Lookup(key, rule).answer;
  }

  bool Holds(uint32_t frame) const { return table.contents().index.contains(Key(frame)); }

  StateTable table;
  SessionId client = 0;
};

TEST(StateTable, EvictsTheOldestThatNobodyAskedFor) {
  Four node;
  for (uint32_t frame = 0; frame < 4; ++frame) ASSERT_EQ(node.Put(Key(frame)), Answer::kOk);
  ASSERT_EQ(node.Get(Key(0)), Answer::kOk);
  EXPECT_EQ(node.Put(Key(4)), Answer::kOk);
  EXPECT_TRUE(node.Holds(0)) << "asked for";
  EXPECT_FALSE(node.Holds(1)) << "the oldest of the others";
  EXPECT_EQ(node.Put(Key(5)), Answer::kOk);
  EXPECT_FALSE(node.Holds(2));
  EXPECT_EQ(node.table.GetStats().evicted, 2u);
}

TEST(StateTable, RefusesAtOnceWhenAllIsReadOrWritten) {
  Four node;
  for (uint32_t frame = 0; frame < 3; ++frame) {
    ASSERT_EQ(node.Put(Key(frame)), Answer::kOk);
    ASSERT_EQ(node.table.Lease(node.client, Key(frame), kAnyAge).answer, Answer::kOk);
  }
  const auto writing = node.table.Reserve(node.client, Key(3), {1, 1}, kPage);
  ASSERT_TRUE(node.table.BeginWrite(writing.place));
  EXPECT_EQ(node.Put(Key(4)), Answer::kNoSpace);
  EXPECT_EQ(node.table.EndWrite(writing.place, false), Answer::kGone);
  EXPECT_EQ(node.Put(Key(4)), Answer::kOk);
}

TEST(StateTable, AnExpiredStateLeavesBeforeAFreshOneIsEvicted) {
  Four node;
  for (uint32_t frame = 0; frame < 4; ++frame) {
    ASSERT_EQ(node.Put(Key(frame), {1, frame}), Answer::kOk);
  }
  node.table.AdvanceStep(1, {1, 3, 1});
  EXPECT_FALSE(node.Holds(0));
  EXPECT_FALSE(node.Holds(1));
  EXPECT_TRUE(node.Holds(2));
  EXPECT_TRUE(node.Holds(3));
  EXPECT_EQ(node.table.GetStats().expired, 2u);
  EXPECT_EQ(node.Put(Key(4), {1, 3}), Answer::kOk);
  EXPECT_EQ(node.table.GetStats().evicted, 0u);
}

TEST(StateTable, ALatePutOfAStepThatNobodyAcceptsIsRefused) {
  Four node;
  node.table.AdvanceStep(1, {7, 10, 2});
  EXPECT_EQ(node.Put(Key(0), {7, 7}), Answer::kStale);
  EXPECT_EQ(node.Put(Key(0), {7, 8}), Answer::kOk);
  EXPECT_EQ(node.Put(Key(1), {7, 30}), Answer::kOk) << "a producer ahead of its readers";
  EXPECT_EQ(node.Put(Key(2), {6, 10}), Answer::kStale) << "another lineage";
  EXPECT_EQ(node.Put(Key(0, /*job=*/2), {6, 1}), Answer::kOk) << "another job";
  // One that was under way when the readers moved on.
  const auto late = node.table.Reserve(node.client, Key(3), {7, 9}, kPage);
  ASSERT_TRUE(node.table.BeginWrite(late.place));
  node.table.AdvanceStep(1, {7, 20, 2});
  EXPECT_EQ(node.table.EndWrite(late.place, true), Answer::kStale);
  EXPECT_TRUE(node.Holds(1));
}

TEST(StateTable, ARollbackDropsTheOldLineageAndAStepBackChangesNothing) {
  Four node;
  ASSERT_EQ(node.Put(Key(0), {1, 1400}), Answer::kOk);
  node.table.AdvanceStep(1, {1, 1500, -1});
  node.table.AdvanceStep(1, {1, 3, 0});
  EXPECT_TRUE(node.Holds(0));
  node.table.AdvanceStep(1, {2, 1000, -1});
  EXPECT_FALSE(node.Holds(0));
}

TEST(StateTable, ZeroStalenessAcceptsTheVeryStep) {
  Four node;
  ASSERT_EQ(node.Put(Key(0), {1, 5}), Answer::kOk);
  EXPECT_EQ(node.Get(Key(0), {1, 5, 0}), Answer::kOk);
  EXPECT_EQ(node.Get(Key(0), {1, 6, 0}), Answer::kStale);
  EXPECT_EQ(node.Get(Key(0), {1, 4, 0}), Answer::kStale) << "a consumer behind its producer";
  EXPECT_EQ(node.table.Lookup(Key(0), {1, 6, 0}).version, (Version{1, 5}));
}

TEST(StateTable, LeasesHaveAQuotaForAClientAndForAll) {
  StateTable::Limits limits = Wide(4 * kPage, 4 * kPage);
  limits.leased_bytes_client_max = 2 * kPage;
  limits.leased_bytes_max = 3 * kPage;
  Four node(limits);
  const SessionId other = node.table.Open();
  for (uint32_t frame = 0; frame < 4; ++frame) ASSERT_EQ(node.Put(Key(frame)), Answer::kOk);
  const auto lease = [&](SessionId client, uint32_t frame) {
    return node.table.Lease(client, Key(frame), kAnyAge).answer;
  };
  EXPECT_EQ(lease(node.client, 0), Answer::kOk);
  EXPECT_EQ(lease(node.client, 0), Answer::kOk) << "twice the same counts twice";
  EXPECT_EQ(lease(node.client, 1), Answer::kQuota);
  EXPECT_EQ(lease(other, 1), Answer::kOk);
  EXPECT_EQ(lease(other, 2), Answer::kQuota);
  node.table.Close(node.client);
  EXPECT_EQ(lease(other, 2), Answer::kOk);
}

TEST(StateTable, PutsThatStallHaveAQuota) {
  StateTable::Limits limits = Wide(4 * kPage, 4 * kPage);
  limits.put_bytes_client_max = 2 * kPage;
  Four node(limits);
  const auto first = node.table.Reserve(node.client, Key(0), {1, 1}, kPage);
  ASSERT_EQ(node.table.Reserve(node.client, Key(1), {1, 1}, kPage).answer, Answer::kOk);
  EXPECT_EQ(node.table.Reserve(node.client, Key(2), {1, 1}, kPage).answer, Answer::kQuota);
  EXPECT_EQ(node.table.Reserve(node.table.Open(), Key(2), {1, 1}, kPage).answer, Answer::kOk);
  node.table.Cancel(first.place);
  EXPECT_FALSE(node.table.BeginWrite(first.place)) << "not one byte after it was cancelled";
  EXPECT_EQ(node.table.Reserve(node.client, Key(3), {1, 1}, kPage).answer, Answer::kOk);
}

TEST(StateTable, AClientThatWasCutKeepsItsSlotsFromReuseUntilItIsGone) {
  Four node(Wide(kPage, kPage));
  ASSERT_EQ(node.Put(Key(0)), Answer::kOk);
  const SessionId slow = node.table.Open();
  ASSERT_EQ(node.table.Lease(slow, Key(0), kAnyAge).answer, Answer::kOk);
  node.table.Cut(slow);
  EXPECT_EQ(node.table.Lease(slow, Key(0), kAnyAge).answer, Answer::kNoSession);
  EXPECT_EQ(node.table.Reserve(slow, Key(1), {1, 1}, kPage).answer, Answer::kNoSession);
  EXPECT_EQ(node.Put(Key(1)), Answer::kNoSpace);
  node.table.Close(slow);
  EXPECT_EQ(node.Put(Key(1)), Answer::kOk);
}

TEST(StateTable, TellsWhatWasEvictedFromTheVerySlotThatItGives) {
  Four node;
  std::vector<uint64_t> offsets;
  for (uint32_t frame = 0; frame < 4; ++frame) {
    ASSERT_EQ(node.Put(Key(frame)), Answer::kOk);
    offsets.push_back(node.table.Lookup(Key(frame), kAnyAge).place.offset);
  }
  ASSERT_EQ(node.Put(Key(4)), Answer::kOk);  // forgets that all were asked for
  const auto granted = node.table.Reserve(node.client, Key(5), {1, 1}, kPage);
  ASSERT_TRUE(granted.evicted);
  EXPECT_EQ(granted.place.offset, offsets[granted.evicted->key.frame]);
  EXPECT_EQ(granted.evicted->bytes, kPage);
  node.table.Cancel(granted.place);
  EXPECT_FALSE(node.table.Reserve(node.client, Key(5), {1, 1}, kPage).evicted) << "a free slot";
}

TEST(StateTable, TellsOfEachStateThatIsNoLongerServed) {
  Four node;
  std::vector<uint64_t> unserved;
  node.table.Watch([&](const Place& place) { unserved.push_back(place.offset / kPage); });
  for (uint32_t frame = 0; frame < 4; ++frame) ASSERT_EQ(node.Put(Key(frame)), Answer::kOk);
  EXPECT_TRUE(unserved.empty());
  ASSERT_EQ(node.Put(Key(9)), Answer::kOk);  // evicts
  node.table.Erase(std::array{Key(3)});
  node.table.Invalidate(1);
  EXPECT_EQ(unserved.size(), 5u);
  const auto reserved = node.table.Reserve(node.client, Key(0), {1, 1}, kPage);
  node.table.Cancel(reserved.place);
  EXPECT_EQ(unserved.size(), 5u) << "it was never served";
}

TEST(StateTable, OneStateIsWithinAnyLimit) {
  StateTable::Limits limits = Wide(4 * kPage, 4 * kPage);
  limits.leased_bytes_client_max = limits.leased_bytes_max = limits.put_bytes_client_max = 1;
  Four node(limits);
  ASSERT_EQ(node.Put(Key(0)), Answer::kOk);
  ASSERT_EQ(node.Put(Key(1)), Answer::kOk);
  EXPECT_EQ(node.table.Lease(node.client, Key(0), kAnyAge).answer, Answer::kOk);
  EXPECT_EQ(node.table.Lease(node.client, Key(1), kAnyAge).answer, Answer::kQuota);
  ASSERT_EQ(node.table.Reserve(node.client, Key(2), {1, 1}, kPage).answer, Answer::kOk);
  EXPECT_EQ(node.table.Reserve(node.client, Key(3), {1, 1}, kPage).answer, Answer::kQuota);
}

TEST(StateTable, ASizeThatNobodyUsesGivesWayToANewOne) {
  constexpr uint64_t kSizes = StateTable::kClassesMax;
  Four node(Wide(256 * kPage, 128 * kPage));
  for (uint64_t pages = 2; pages <= kSizes; ++pages)
    ASSERT_TRUE(node.table.Register(pages * kPage));
  ASSERT_EQ(node.Put(Key(0), {1, 1}, kPage), Answer::kOk);
  EXPECT_TRUE(node.table.Register(100 * kPage));
  EXPECT_EQ(node.Put(Key(1), {1, 1}, 100 * kPage), Answer::kOk);
  EXPECT_EQ(node.Put(Key(0), {1, 1}, kPage), Answer::kOk) << "in use";
  EXPECT_EQ(node.Put(Key(2), {1, 1}, 2 * kPage), Answer::kBadSize);
}

TEST(Slots, FindsAPlaceByOffsetAndGenerationAlone) {
  Slots slots(4 * kPage, 2 * kPage);
  const Place place = *slots.Reserve(kPage);
  const Place second = *slots.Reserve(kPage);
  EXPECT_EQ(slots.Find(second.offset, second.generation), second);
  EXPECT_FALSE(slots.Find(place.offset, second.generation));
  EXPECT_FALSE(slots.Find(second.offset + 1, second.generation));
  EXPECT_FALSE(slots.Find(2 * kPage, 0)) << "a free extent";
  EXPECT_FALSE(slots.Find(4 * kPage, 1)) << "behind the end";
  EXPECT_FALSE(slots.Find(~uint64_t{0}, 1));
  slots.Free(second);
  EXPECT_FALSE(slots.Find(second.offset, second.generation));
}

TEST(StateTable, ReleaseTakesOnlyWhatTheClientLeased) {
  Four node;
  ASSERT_EQ(node.Put(Key(0)), Answer::kOk);
  const auto found = node.table.Lease(node.client, Key(0), kAnyAge);
  EXPECT_FALSE(node.table.Release(node.table.Open(), found.place));
  EXPECT_FALSE(node.table.Release(node.client, Place{.extent = 9, .slot = 9, .generation = 1}));
  EXPECT_TRUE(node.table.Release(node.client, found.place));
  EXPECT_FALSE(node.table.Release(node.client, found.place));
}

TEST(StateTable, EraseAndInvalidateStopWhatIsUnderWay) {
  Four node;
  const auto reserved = node.table.Reserve(node.client, Key(0), {1, 1}, kPage);
  const auto writing = node.table.Reserve(node.client, Key(1), {1, 1}, kPage);
  ASSERT_TRUE(node.table.BeginWrite(writing.place));
  ASSERT_EQ(node.Put(Key(2, /*job=*/2)), Answer::kOk);
  node.table.Invalidate(1);
  EXPECT_FALSE(node.table.BeginWrite(reserved.place));
  EXPECT_EQ(node.table.EndWrite(writing.place, true), Answer::kGone);
  EXPECT_EQ(node.Get(Key(2, 2)), Answer::kOk) << "another job";
  ASSERT_EQ(node.Put(Key(3)), Answer::kOk);
  const auto again = node.table.Reserve(node.client, Key(3), {1, 2}, kPage);
  node.table.Erase(std::array{Key(3)});
  EXPECT_EQ(node.Get(Key(3)), Answer::kMiss);
  EXPECT_FALSE(node.table.BeginWrite(again.place));
}

TEST(StateTable, TakesRegisteredSizesAlone) {
  Four node;
  EXPECT_EQ(node.Put(Key(0), {1, 1}, kPage - 100), Answer::kOk) << "the same class";
  EXPECT_EQ(node.Put(Key(1), {1, 1}, 0), Answer::kOk) << "an empty state takes a page";
  EXPECT_EQ(node.Put(Key(2), {1, 1}, kPage + 1), Answer::kBadSize);
  EXPECT_EQ(node.Put(Key(2), {1, 1}, ~uint64_t{0}), Answer::kBadSize);
  EXPECT_FALSE(node.table.Register(4 * kPage + 1)) << "larger than an extent";
  EXPECT_EQ(node.table.Lookup(Key(0), kAnyAge).bytes, kPage - 100);
}

// Two sizes in turn, as in a change of the training resolution: neither keeps the other out.
TEST(StateTable, ASizeGetsItsFairShareOfAPoolThatAnotherFilled) {
  Four node(Wide(16 * kPage, 4 * kPage));
  ASSERT_TRUE(node.table.Register(2 * kPage));
  for (uint32_t frame = 0; frame < 16; ++frame) ASSERT_EQ(node.Put(Key(frame)), Answer::kOk);
  for (uint32_t frame = 100; frame < 120; ++frame) {
    ASSERT_EQ(node.Put(Key(frame), {1, 1}, 2 * kPage), Answer::kOk);
  }
  EXPECT_EQ(node.table.contents().slots.ExtentsOf(2 * kPage), 2u);
  EXPECT_EQ(node.table.contents().slots.ExtentsOf(kPage), 2u);
  for (uint32_t frame = 0; frame < 16; ++frame) ASSERT_EQ(node.Put(Key(frame)), Answer::kOk);
  EXPECT_EQ(node.table.contents().slots.ExtentsOf(2 * kPage), 2u) << "and keeps it";
  node.table.Invalidate(1);
  EXPECT_EQ(node.table.contents().slots.ExtentsOf(0), 4u) << "empty extents are nobody's";
}

TEST(StateTable, PlacesNeverOverlap) {
  Four node(Wide(64 * kPage, 8 * kPage));
  ASSERT_TRUE(node.table.Register(3 * kPage));
  std::vector<bool> taken(64);
  for (uint32_t frame = 0; frame < 30; ++frame) {
    const uint64_t pages = frame % 2 == 0 ? 1 : 3;
    const auto granted = node.table.Reserve(node.client, Key(frame), {1, 1}, pages * kPage);
    if (granted.answer != Answer::kOk) continue;
    for (uint64_t page = 0; page < pages; ++page) {
      const uint64_t at = granted.place.offset / kPage + page;
      ASSERT_LT(at, taken.size());
      ASSERT_FALSE(taken[at]) << frame;
      taken[at] = true;
    }
  }
  EXPECT_GT(std::ranges::count(taken, true), 45);
}

TEST(Slots, BothStateSizesFillAnExtent) {
  const Slots slots(uint64_t{4} << 30, uint64_t{1} << 30);
  EXPECT_EQ((uint64_t{1} << 30) / *slots.ClassOf(1'966'080), 546u);
  EXPECT_EQ((uint64_t{1} << 30) / *slots.ClassOf(27'648'000), 38u);
  EXPECT_EQ(*slots.ClassOf(1'966'080), 1'966'080u) << "whole pages lose nothing";
  EXPECT_EQ(*slots.ClassOf(1'966'081), 1'966'080u + kPage);
}

TEST(Slots, AGenerationIsNeverUsedTwiceEvenWhenItsExtentChangesHands) {
  Slots slots(kPage, kPage);
  uint64_t last = 0;
  for (int i = 0; i < 10; ++i) {
    const auto place = slots.Reserve(kPage);
    ASSERT_TRUE(place);
    EXPECT_GT(place->generation, last);
    last = place->generation;
    slots.Free(*place);
    EXPECT_FALSE(slots.IsCurrent(*place));
  }
}

TEST(Budget, IsTheFormula) {
  constexpr uint64_t kPool = uint64_t{8} << 30;
  EXPECT_EQ(ResidentBytesMax(kPool, 4000, 64),
            kPool + kPool / 512 + 4000 * 256 + 64 * 262'144 + (uint64_t{64} << 20));
}

TEST(Budget, AStateCostsNoMoreBesideItsSlotThanTheFormulaSays) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's heap tells nothing about ours";
  constexpr uint32_t kStates = 20'000;
  const size_t before = mallinfo2().uordblks;
  Four node(Wide(kStates * kPage, 500 * kPage));
  for (uint32_t frame = 0; frame < kStates; ++frame) {
    ASSERT_EQ(node.Put(Key(frame), {1, frame / 50}), Answer::kOk);
  }
  EXPECT_EQ(node.table.GetStats().entries, kStates);
  const double each = static_cast<double>(mallinfo2().uordblks - before) / kStates;
  EXPECT_LE(each, kEntryBytesMax);
  EXPECT_GT(each, 100) << "it was measured at all";
}

}  // namespace
}  // namespace lrti::cache
