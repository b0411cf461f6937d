#include "services/cache/node/engine.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <random>
#include <thread>

#include "common/base/crc32c.h"
#include "common/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/cache/node/test_node.h"
#include "services/cache/node/test_peer.h"

namespace lrti::cache {
namespace {

using hidden_state::Rule;
using hidden_state::StateKey;
using ::testing::HasSubstr;
using wire::Outcome;

constexpr uint64_t kPage = wire::kPageBytes;
constexpr Rule kAnyAge{.lineage = 1, .step = 1000};

// Keeps all that it is given, and answers when it is told to.
class FakeTier final : public Tier {
 public:
  void Demote(TierItem item, std::span<const std::byte> payload) override {
    const auto key = item.item.key;
    states[key] = {std::move(item), wire::Bytes(payload.begin(), payload.end())};
  }

  void Fetch(Wanted wanted) override {
    if (hold) {
      held.push_back(std::move(wanted));
    } else {
      Serve(wanted);
    }
  }

  void Serve(const Wanted& wanted) {
    const auto found = states.find(wanted.key);
    if (found == states.end()) return wanted.done(false);
    const auto room = wanted.room(found->second.first);
    if (!room) return wanted.done(false);
    EXPECT_EQ(room->size(), found->second.second.size());
    std::ranges::copy(found->second.second, room->begin());
    wanted.done(true);
  }

  void Forget(uint64_t job) override {
    std::erase_if(states, [job](const auto& state) { return state.first.job == job; });
  }
  void Forget(std::span<const StateKey> keys) override {
    for (const StateKey& key : keys) states.erase(key);
  }

  std::map<StateKey, std::pair<TierItem, wire::Bytes>> states;
  std::vector<Wanted> held;
  bool hold = false;
};

// An engine of a few pages with one lane.
struct Small {
  explicit Small(uint64_t pages = 4, Engine::Options options = {}) {
    options.pool_bytes = options.extent_bytes = pages * kPage;
    engine = *Engine::Create(options);
    lane = Join(1, 1);
  }
  ~Small() {
    for (const Engine::Lane& joined : lanes) engine->Leave(joined);
  }

  Engine::Lane Join(uint64_t job, uint64_t client) {
    const Engine::Joined joined = engine->Join(TestPeer::HelloOf(job, client), 16);
    EXPECT_EQ(joined.outcome, Outcome::kOk);
    lanes.push_back(joined.lane);
    return joined.lane;
  }

  Outcome Put(const TestPeer::State& state) {
    Engine::Granted granted = engine->BeginPut(lane, state.item);
    if (granted.outcome != Outcome::kOk) return granted.outcome;
    std::ranges::copy(state.bytes, granted.put.room().begin());
    if (!state.bytes.empty()) granted.put.SetCrc(0, Crc32c(state.bytes));
    return granted.put.Commit();
  }

  bool Has(const TestPeer::State& state) {
    const Engine::Found found = engine->Find(lane, state.item.key, kAnyAge);
    return found.outcome == Outcome::kOk && std::ranges::equal(found.reading.bytes(), state.bytes);
  }

  std::unique_ptr<Engine> engine;
  Engine::Lane lane;
  std::vector<Engine::Lane> lanes;
};

TEST(Engine, TheDirectoryNamesExactlyWhatIsServed) {
  Small node(16);
  std::mt19937 random(5);
  uint64_t hits = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto frame = static_cast<uint32_t>(random() % 24);
    const StateKey key{.job = 1, .model = 2, .frame = frame};
    switch (random() % 8) {
      case 0:
        node.engine->Erase(std::array{key});
        break;
      case 1:
        if (random() % 50 == 0) node.engine->Invalidate(1);
        break;
      case 2: {
        const Engine::Granted given_up =
            node.engine->BeginPut(node.lane, TestPeer::MakeState(frame, kSmall).item);
        break;
      }
      default:
        node.Put(TestPeer::MakeState(frame, kSmall + 2000 * (frame % 2)));
        break;
    }
    std::map<uint64_t, uint64_t> served;
    for (uint32_t f = 0; f < 24; ++f) {
      const auto located = node.engine->Locate(node.lane, {.job = 1, .model = 2, .frame = f},
                                               kAnyAge, /*lease=*/false);
      if (located.outcome != Outcome::kOk) continue;
      const auto placed = wire::DecodePlaced(located.meta);
      ASSERT_TRUE(placed.ok()) << placed.status();
      served[placed->offset] = placed->generation;
      ++hits;
    }
    for (uint64_t page = 0; page < 16; ++page) {
      const auto here = served.find(page * kPage);
      ASSERT_EQ(node.engine->memory().ServedAt(page * kPage),
                here == served.end() ? 0 : here->second);
    }
  }
  EXPECT_GT(hits, 5'000u);
}

TEST(Engine, APutThatIsGivenUpTakesNothing) {
  Small node;
  {
    const Engine::Granted granted =
        node.engine->BeginPut(node.lane, TestPeer::MakeState(0, 1).item);
  }
  EXPECT_EQ(node.engine->GetStats().states.slots_busy, 0u);
  Engine::Granted first = node.engine->BeginPut(node.lane, TestPeer::MakeState(0, 1).item);
  ASSERT_EQ(first.outcome, Outcome::kOk);
  node.engine->Invalidate(1);
  EXPECT_EQ(first.put.Commit(), Outcome::kClosing);
  EXPECT_EQ(node.engine->GetStats().states.slots_busy, 0u);
}

TEST(Engine, AJobIsForgottenWithItsStatesWhenTheTableIsFullOfOthers) {
  Small node(4, {.jobs_max = 2});
  ASSERT_EQ(node.Put(TestPeer::MakeState(0, kSmall)), Outcome::kOk);
  const Engine::Lane second = node.Join(2, 1);
  EXPECT_EQ(node.engine->Join(TestPeer::HelloOf(3, 1), 16).outcome, Outcome::kQuota)
      << "both have clients";
  node.engine->Leave(node.lane);
  node.lanes.erase(node.lanes.begin());
  const Engine::Lane third = node.Join(3, 1);
  EXPECT_EQ(third.job, 3u);
  EXPECT_EQ(node.engine->GetStats().states.entries, 0u) << "the next owner of the name sees none";
  EXPECT_EQ(node.engine->RegisterJob(9, "token", {}).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(second.job, 2u);
}

TEST(Engine, RegisterJobNamesWhatCannotBe) {
  Small node;
  const std::array<uint64_t, 1> large = {4 * kPage - 10};
  EXPECT_THAT(Message(node.engine->RegisterJob(5, "", {})), HasSubstr("token of 0 bytes"));
  EXPECT_THAT(Message(node.engine->RegisterJob(5, std::string(300, 'x'), {})),
              HasSubstr("token of 300 bytes"));
  EXPECT_THAT(Message(node.engine->RegisterJob(5, "t", large)), HasSubstr("does not fit extents"));
  EXPECT_THAT(Message(node.engine->RegisterJob(5, "t", std::vector<uint64_t>(65, 1))),
              HasSubstr("65 sizes of states"));
}

// ---- the tier ----

struct Tiered : Small {
  Tiered() : Small(4) { engine->SetTier(tier); }

  // Puts so many states that the first ones are evicted.
  void Overflow() {
    for (uint32_t frame = 0; frame < 8; ++frame) {
      ASSERT_EQ(Put(TestPeer::MakeState(frame, kSmall)), Outcome::kOk);
    }
  }

  int Fetch(const StateKey& key, const Rule& rule = kAnyAge) {
    engine->Fetch(key, rule, std::chrono::steady_clock::now() + std::chrono::seconds(5),
                  [this] { ++landed; });
    return landed;
  }

  std::shared_ptr<FakeTier> tier = std::make_shared<FakeTier>();
  int landed = 0;
};

TEST(Engine, WhatIsEvictedFreshGoesToTheTierAndComesBackToTheByte) {
  Tiered node;
  node.Overflow();
  EXPECT_EQ(node.tier->states.size(), 4u);
  EXPECT_EQ(node.engine->GetStats().demoted, 4u);
  const TestPeer::State state = TestPeer::MakeState(0, kSmall);
  const auto& [item, bytes] = node.tier->states.at(state.item.key);
  EXPECT_EQ(item.item, state.item);
  EXPECT_EQ(bytes, state.bytes);
  EXPECT_EQ(item.crcs, std::vector{Crc32c(state.bytes)});
  EXPECT_TRUE(node.engine->MayFetch(node.lane, state.item.key));
  EXPECT_EQ(node.Fetch(state.item.key), 1);
  EXPECT_TRUE(node.Has(state));
  EXPECT_FALSE(node.engine->MayFetch(node.lane, state.item.key)) << "it is here";
  EXPECT_EQ(node.engine->GetStats().fetched, 1u);
}

TEST(Engine, WhatExpiredIsNotDemoted) {
  Tiered node;
  for (uint32_t frame = 0; frame < 4; ++frame) {
    ASSERT_EQ(node.Put(TestPeer::MakeState(frame, kSmall)), Outcome::kOk);
  }
  ASSERT_TRUE(node.engine->AdvanceStep(1, {1, 50, 3}).ok());
  for (uint32_t frame = 4; frame < 8; ++frame) {
    ASSERT_EQ(node.Put(TestPeer::MakeState(frame, kSmall, {1, 50})), Outcome::kOk);
  }
  EXPECT_TRUE(node.tier->states.empty());
}

TEST(Engine, WhatTheTierGivesMustBeWhatWasAskedFor) {
  Tiered node;
  node.Overflow();
  const StateKey key = TestPeer::MakeState(0, kSmall).item.key;
  node.Fetch(key, {2, 1000, -1});
  EXPECT_TRUE(node.engine->MayFetch(node.lane, key)) << "of another lineage";
  TierItem& item = node.tier->states.at(key).first;
  item.crcs.push_back(1);
  node.Fetch(key);
  EXPECT_TRUE(node.engine->MayFetch(node.lane, key)) << "too many CRCs";
  item.crcs.pop_back();
  item.item.bytes += 2;
  node.Fetch(key);
  EXPECT_TRUE(node.engine->MayFetch(node.lane, key)) << "at odds with itself";
  EXPECT_EQ(node.landed, 3);
  EXPECT_EQ(node.engine->GetStats().states.slots_busy, 0u);
}

TEST(Engine, G3AFetchThatWasUnderWayDuringAnInvalidationBringsNothing) {
  for (const bool whole_job : {true, false}) {
    Tiered node;
    node.Overflow();
    const StateKey key = TestPeer::MakeState(0, kSmall).item.key;
    const auto old = node.tier->states;
    node.tier->hold = true;
    node.Fetch(key);
    if (whole_job) {
      node.engine->Invalidate(1);
    } else {
      node.engine->Erase(std::array{key});
    }
    EXPECT_FALSE(node.tier->states.contains(key));
    node.tier->states = old;  // what it had read before it was told
    node.tier->Serve(node.tier->held.at(0));
    node.tier->held.clear();
    EXPECT_EQ(node.landed, 1);
    EXPECT_EQ(node.engine->Find(node.lane, key, kAnyAge).outcome, Outcome::kMiss);
    EXPECT_EQ(node.engine->GetStats().states.slots_busy, 0u);
  }
}

TEST(Engine, AGetOverALaneAsksTheTierWithinItsTime) {
  TestNode node(Engine::Options{.pool_bytes = 4 * kPage, .extent_bytes = 4 * kPage});
  const auto tier = std::make_shared<FakeTier>();
  node->engine().SetTier(tier);
  TestPeer peer = node.Tcp();
  for (uint32_t frame = 0; frame < 8; ++frame) {
    ASSERT_EQ(peer.Put(TestPeer::MakeState(frame, kSmall)), Outcome::kOk);
  }
  EXPECT_TRUE(peer.Has(TestPeer::MakeState(0, kSmall)));
  EXPECT_EQ(peer.Get({.job = 1, .model = 2, .frame = 77}).outcome, Outcome::kMiss);
  TestPeer local = node.Unix(1, 2);
  const auto place = local.Locate(TestPeer::MakeState(1, kSmall).item.key, true);
  ASSERT_TRUE(place.placed);
  EXPECT_EQ(place.placed->item, TestPeer::MakeState(1, kSmall).item);
  EXPECT_EQ(node->GetStats().engine.fetched, 2u);
}

}  // namespace
}  // namespace lrti::cache
