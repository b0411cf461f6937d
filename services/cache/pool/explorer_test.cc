#include "services/cache/pool/explorer.h"

#include <cstdio>

#include "common/base/sanitized.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lrti::cache {
namespace {

using hidden_state::Rule;
using hidden_state::StateKey;
using hidden_state::Version;
using ::testing::HasSubstr;

// Walks through all orders within the scope. Every guarantee is held in each walk; the named one
// must have been tested often.
void ExpectHolds(Guarantee guarantee, const Scope& scope) {
  const Explored explored = Explorer<StateTable>(scope).Run();
  std::printf("explored %llu states, %llu events\n",
              static_cast<unsigned long long>(explored.states),
              static_cast<unsigned long long>(explored.events));
  for (const std::string& violation : explored.violations) EXPECT_EQ(violation, "");
  EXPECT_GT(explored.checks[guarantee], 100'000u) << "what is not tested holds nothing";
}

// More puts than slots, so that states are evicted and slots used again.
constexpr Scope kCrowded = {.puts = 3, .rollback = false, .invalidation = false, .cut = false};

TEST(Explorer, G1AHitIsByteForByteOneCommittedPutAndStaysSoWhileLeased) {
  if (kSanitized) GTEST_SKIP() << "the smaller walks run the same code";
  ExpectHolds(kG1, kCrowded);
}
TEST(Explorer, G2AHitObeysLineageAndStalenessAndNoOlderPutReplacesAFresher) {
  ExpectHolds(kG2, {.puts = 2, .invalidation = false});
}
TEST(Explorer, G3NothingIsServedAfterItsInvalidation) {
  ExpectHolds(kG3, {.puts = 2, .rollback = false});
}
TEST(Explorer, G4WhatIsHeldStaysWithinThePoolAndIsCounted) {
  if (kSanitized) GTEST_SKIP() << "the smaller walks run the same code";
  Scope scope = kCrowded;
  scope.copies = false;
  ExpectHolds(kG4, scope);
}
TEST(Explorer, EveryReservationAndLeaseEndsWhateverDies) {
  ExpectHolds(kEnds, {.puts = 2, .rollback = false, .copies = false});
}
TEST(Explorer, AllHoldWhenEverythingHappensAtOnce) {
  if (kSanitized) GTEST_SKIP() << "the smaller walks run the same code";
  ExpectHolds(kG1, {.puts = 2});
}

// ---- rules broken on purpose: each must be found ----

struct ServesAnyAge : StateTable {
  using StateTable::StateTable;
  Found Lookup(const StateKey& key, const Rule& rule) {
    return StateTable::Lookup(key, {rule.lineage, rule.step, -1});
  }
  void AdvanceStep(uint64_t, const Rule&) {}  // the sweeper would hide it
};

struct IgnoresLineage : StateTable {
  using StateTable::StateTable;
  Found Lookup(const StateKey& key, const Rule& rule) {
    Found found = StateTable::Lookup(key, rule);
    if (found.answer != Answer::kStale) return found;
    return StateTable::Lookup(key, {found.version.lineage, rule.step, rule.staleness_steps_max});
  }
  void AdvanceStep(uint64_t, const Rule&) {}
};

// Keeps the books of leases, but not the leases.
struct ForgetsLeases : StateTable {
  using StateTable::StateTable;
  Found Lease(SessionId session, const StateKey& key, const Rule& rule) {
    const Found found = StateTable::Lease(session, key, rule);
    if (found.answer != Answer::kOk) return found;
    StateTable::Release(session, found.place);
    leased[session] += found.bytes;
    return found;
  }
  bool Release(SessionId session, const Place&) { return leased.erase(session) > 0; }
  void Close(SessionId session) {
    StateTable::Close(session);
    leased.erase(session);
  }
  Stats GetStats() const {
    Stats stats = StateTable::GetStats();
    for (const auto& [session, bytes] : leased) stats.leased_bytes += bytes;
    return stats;
  }
  std::map<SessionId, uint64_t> leased;
};

struct StoresHalfPuts : StateTable {
  using StateTable::StateTable;
  Answer EndWrite(const Place& place, bool) { return StateTable::EndWrite(place, true); }
};

// Drops what is stored, but not what is under way: a lineage that nobody has, and back.
struct CanDropStored : StateTable {
  using StateTable::StateTable;
  void DropStored(uint64_t job, uint64_t lineage) {
    StateTable::AdvanceStep(job, {lineage + 100, 0, -1});
    StateTable::AdvanceStep(job, {lineage, 0, -1});
  }
};

struct OlderReplacesFresher : CanDropStored {
  using CanDropStored::CanDropStored;
  Answer EndWrite(const Place& place, bool complete) {
    const Slot& slot = contents().slots.At(place);
    DropStored(slot.key.job, slot.version.lineage);
    return StateTable::EndWrite(place, complete);
  }
};

struct InvalidatesNothing : StateTable {
  using StateTable::StateTable;
  void Invalidate(uint64_t) {}
};

// What is stored goes, but what is under way comes back.
struct InvalidatesOnlyWhatIsStored : CanDropStored {
  using CanDropStored::CanDropStored;
  void Invalidate(uint64_t job) {
    const auto step = contents().steps.find(job);
    DropStored(job, step == contents().steps.end() ? 1 : step->second.lineage);
  }
};

struct ForgetsTheDead : StateTable {
  using StateTable::StateTable;
  void Close(SessionId) {}
};

struct ChecksNoGeneration : StateTable {
  using StateTable::StateTable;
  bool IsServed(const Place&) const { return true; }
};

template <typename Broken>
std::string Found(Guarantee guarantee) {
  for (const int puts : {1, 2}) {  // few puts make short stories
    const Explored explored = Explorer<Broken>({.puts = puts}).Run();
    if (!explored.violations[guarantee].empty()) return explored.violations[guarantee];
  }
  return "";
}

TEST(Explorer, FindsStatesServedAtAnyAge) {
  EXPECT_THAT(Found<ServesAnyAge>(kG2), HasSubstr("a hit that breaks the reader's rule"));
}
TEST(Explorer, FindsALineageThatIsIgnored) {
  EXPECT_THAT(Found<IgnoresLineage>(kG2), HasSubstr("a hit that breaks the reader's rule"));
}
TEST(Explorer, FindsLeasesThatDoNotHold) {
  EXPECT_THAT(Found<ForgetsLeases>(kG1), HasSubstr("a leased slot is written"));
}
TEST(Explorer, FindsHalfPutsThatAreStored) {
  EXPECT_THAT(Found<StoresHalfPuts>(kG1), HasSubstr("a hit on bytes that are not whole"));
}
TEST(Explorer, FindsAnOlderPutInPlaceOfAFresher) {
  EXPECT_THAT(Found<OlderReplacesFresher>(kG2), HasSubstr("an older put replaced"));
}
TEST(Explorer, FindsStatesServedAfterInvalidation) {
  EXPECT_THAT(Found<InvalidatesNothing>(kG3), HasSubstr("invalidated"));
}
TEST(Explorer, FindsPutsThatSurviveTheInvalidation) {
  EXPECT_THAT(Found<InvalidatesOnlyWhatIsStored>(kG3), HasSubstr("invalidated"));
}
TEST(Explorer, FindsSlotsThatOutliveTheirClient) {
  EXPECT_THAT(Found<ForgetsTheDead>(kEnds), HasSubstr("after its client died"));
}
TEST(Explorer, FindsCopiesThatNobodyChecks) {
  EXPECT_THAT(Found<ChecksNoGeneration>(kG3), HasSubstr("a copy ends well after"));
}

}  // namespace
}  // namespace lrti::cache
