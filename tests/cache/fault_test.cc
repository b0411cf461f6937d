#include <algorithm>
#include <atomic>
#include <thread>

#include "gtest/gtest.h"
#include "tests/cache/node_process.h"
#include "tests/cache/states.h"

namespace lrti::cache {
namespace {

using client::Fate;
using hidden_state::GetResult;
using hidden_state::GetStatus;
using hidden_state::PutItem;
using hidden_state::PutStatus;
using hidden_state::StateKey;

constexpr size_t kStateBytes = 3 << 20;
constexpr uint32_t kStates = 12;
constexpr absl::Duration kDeadline = absl::Milliseconds(150);
constexpr absl::Duration kGrace = absl::Milliseconds(20);

// Two nodes of a kind in processes of their own, and a client whose calls end soon.
struct Cluster {
  TemporaryFolder folder;
  SystemClock clock;
  NodeProcess first;
  NodeProcess second;
  std::unique_ptr<client::CacheStore> store;
  std::vector<StateKey> keys;
  std::vector<bool> on_first;  // of each key

  explicit Cluster(Path path) : first(folder, "first", path), second(folder, "second", path) {
    client::CacheStore::Options options = StoreOptions({first.endpoint(), second.endpoint()});
    options.get_deadline = kDeadline;
    options.put_deadline = kDeadline;
    store = OpenStore(options, clock);
    const client::Rendezvous rendezvous({{"first"}, {"second"}});
    for (uint32_t i = 0; i < kStates; ++i) {
      keys.push_back(KeyOf(i));
      on_first.push_back(rendezvous.NodeOf(keys.back()) == 0);
    }
  }

  uint32_t OnFirst() const { return static_cast<uint32_t>(std::ranges::count(on_first, true)); }

  // Until each state is there: a machine that is busy may miss a deadline.
  void Fill() {
    const absl::Duration end = clock.Steady() + absl::Seconds(60);
    for (size_t stored = 0; stored < keys.size();) {
      ASSERT_LT(clock.Steady(), end);
      const PutItem item = PutOf(keys[stored], 10, kStateBytes);
      if (store->Put(std::span(&item, 1))[0] == PutStatus::kStored) ++stored;
    }
  }

  // How long a get of all states takes; what it hits is right.
  absl::Duration Get(std::vector<GetResult>& results) {
    const absl::Duration begin = clock.Steady();
    results = store->Get(keys, kAnyAge);
    const absl::Duration took = clock.Steady() - begin;
    for (size_t i = 0; i < keys.size(); ++i) {
      if (results[i].status == GetStatus::kHit) {
        EXPECT_TRUE(IsRight(results[i], keys[i], kStateBytes));
      }
    }
    return took;
  }

  // Gets until all states of the node `of_first` names are hit; false when that never happens.
  bool AllHit(bool of_first, std::vector<GetResult>& results) {
    const absl::Duration end = clock.Steady() + absl::Seconds(60);
    while (clock.Steady() < end) {
      Get(results);
      bool all = true;
      for (size_t i = 0; i < keys.size(); ++i) {
        all = all && (on_first[i] != of_first || results[i].status == GetStatus::kHit);
      }
      if (all) return true;
    }
    return false;
  }
};

class Fault : public testing::TestWithParam<Path> {};

INSTANTIATE_TEST_SUITE_P(Over, Fault, testing::Values(Path::kTcp, Path::kUnix),
                         [](const auto& path) {
                           return path.param == Path::kTcp ? "Tcp" : "Unix";
                         });

TEST_P(Fault, G6AKilledNodeCostsItsOwnShare) {
  Cluster cluster(GetParam());
  ASSERT_GT(cluster.OnFirst(), 0u);
  ASSERT_LT(cluster.OnFirst(), kStates);
  cluster.Fill();
  std::vector<GetResult> results;
  ASSERT_TRUE(cluster.AllHit(true, results));
  cluster.first.Kill();
  ASSERT_TRUE(cluster.AllHit(false, results));
  for (uint32_t i = 0; i < kStates; ++i) {
    if (cluster.on_first[i]) {
      EXPECT_EQ(results[i].status, GetStatus::kUnavailable);
    }
  }
  EXPECT_TRUE(cluster.store->client().Health()[0].paused);
  EXPECT_FALSE(cluster.store->client().Health()[1].paused);
}

TEST_P(Fault, ANodeKilledInTheMiddleOfGetsAndPutsNeverMakesAWrongHit) {
  Cluster cluster(GetParam());
  cluster.Fill();
  std::atomic<bool> stop = false;
  std::atomic<uint32_t> wrong = 0;
  std::atomic<uint32_t> gets = 0;
  std::atomic<uint32_t> lost = 0;
  {
    std::vector<std::jthread> threads;
    for (uint64_t t = 0; t < 2; ++t) {
      threads.emplace_back([&, t] {
        for (uint64_t step = 11 + t; !stop; step += 2) {
          const StateKey& key = cluster.keys[step % kStates];
          const PutItem item = PutOf(key, step, kStateBytes);
          if (cluster.store->Put(std::span(&item, 1))[0] == PutStatus::kNoSpace) ++lost;
          const auto got = cluster.store->Get(cluster.keys, {1, 1 << 20, -1});
          for (size_t i = 0; i < got.size(); ++i) {
            if (got[i].status != GetStatus::kHit) continue;
            if (!IsRight(got[i], cluster.keys[i], kStateBytes)) ++wrong;
          }
          ++gets;
        }
      });
    }
    const auto wait_for = [&](const std::atomic<uint32_t>& count, uint32_t more) {
      const uint32_t until = count + more;
      const absl::Duration end = cluster.clock.Steady() + absl::Seconds(60);
      while (count < until && cluster.clock.Steady() < end) std::this_thread::yield();
      return count >= until;
    };
    EXPECT_TRUE(wait_for(gets, 6));
    cluster.first.Kill();
    EXPECT_TRUE(wait_for(lost, 1));
    EXPECT_TRUE(wait_for(gets, 6));
    stop = true;
  }
  EXPECT_EQ(wrong, 0u);
}

TEST_P(Fault, G5AStoppedNodeHoldsNoCallBeyondItsDeadlineAndComesBack) {
  Cluster cluster(GetParam());
  cluster.Fill();
  std::vector<GetResult> results;
  ASSERT_TRUE(cluster.AllHit(true, results));
  cluster.first.Stop();
  // The first call learns it the hard way. The machine may be busy, but not each time.
  absl::Duration shortest = absl::InfiniteDuration();
  for (int i = 0; i < 5; ++i) {
    shortest = std::min(shortest, cluster.Get(results));
    for (uint32_t k = 0; k < kStates; ++k) {
      if (cluster.on_first[k]) {
        EXPECT_EQ(results[k].status, GetStatus::kUnavailable);
      }
    }
  }
  EXPECT_LE(shortest, kDeadline + kGrace);
  EXPECT_TRUE(cluster.AllHit(false, results));
  cluster.first.Continue();
  EXPECT_TRUE(cluster.AllHit(true, results));
}

TEST_P(Fault, G5EveryKindOfCallEndsByItsDeadlineOnAStoppedNode) {
  Cluster cluster(GetParam());
  cluster.Fill();
  cluster.first.Stop();
  const PutItem item = PutOf(cluster.keys[0], 20, kStateBytes);
  std::vector<PutItem> items;
  for (const StateKey& key : cluster.keys) items.push_back(PutOf(key, 20, kStateBytes));
  const std::vector<std::function<void()>> calls = {
      [&] { cluster.store->Get(cluster.keys, kAnyAge).clear(); },
      [&] { cluster.store->Put(items).clear(); },
      [&] { cluster.store->Erase(cluster.keys); },
      [&] { cluster.store->Drop(1); },
      [&] { cluster.store->client().Lease(cluster.keys, kAnyAge, kDeadline); },
  };
  for (size_t call = 0; call < calls.size(); ++call) {
    SCOPED_TRACE(call);
    absl::Duration shortest = absl::InfiniteDuration();
    for (int i = 0; i < 5; ++i) {
      // Past the longest pause of the breaker each would be tried again; here most end at once.
      const absl::Duration begin = cluster.clock.Steady();
      calls[call]();
      shortest = std::min(shortest, cluster.clock.Steady() - begin);
    }
    EXPECT_LE(shortest, kDeadline + kGrace);
  }
  EXPECT_GT(cluster.store->GetCounts().forgets_late, 0u);
}

TEST_P(Fault, WhatCouldNotBeForgottenIsForgottenBeforeTheNodeIsAskedAgain) {
  Cluster cluster(GetParam());
  cluster.Fill();
  std::vector<GetResult> results;
  ASSERT_TRUE(cluster.AllHit(true, results));
  cluster.first.Stop();
  cluster.store->Drop(1);
  cluster.first.Continue();
  const absl::Duration end = cluster.clock.Steady() + absl::Seconds(60);
  size_t misses = 0;
  while (misses < kStates && cluster.clock.Steady() < end) {
    cluster.Get(results);
    misses = 0;
    for (const GetResult& result : results) {
      EXPECT_NE(result.status, GetStatus::kHit);
      if (result.status == GetStatus::kMiss) ++misses;
    }
  }
  EXPECT_EQ(misses, kStates);
}

TEST(Restart, ANodeThatComesBackEmptyIsNoticedAndServesNothingOld) {
  for (const Path path : {Path::kTcp, Path::kUnix}) {
    const TemporaryFolder folder;
    const SystemClock clock;
    auto node = std::make_unique<NodeProcess>(folder, "node", path);
    const auto store = OpenStore(StoreOptions({node->endpoint()}), clock);
    const StateKey key = KeyOf(1);
    const PutItem item = PutOf(key, 10, kStateBytes);
    ASSERT_EQ(store->Put(std::span(&item, 1))[0], PutStatus::kStored);
    ASSERT_EQ(store->Get(std::span(&key, 1), kAnyAge)[0].status, GetStatus::kHit);
    const uint64_t incarnation = store->client().Health()[0].incarnation;
    const uint16_t port = node->endpoint().port;
    node.reset();
    NodeProcess again(folder, "node", path, uint64_t{64} << 20, port);

    const absl::Duration end = clock.Steady() + absl::Seconds(60);
    GetStatus status = GetStatus::kUnavailable;
    while (status == GetStatus::kUnavailable && clock.Steady() < end) {
      status = store->Get(std::span(&key, 1), kAnyAge)[0].status;
    }
    EXPECT_EQ(status, GetStatus::kMiss);
    EXPECT_EQ(store->client().Health()[0].restarts, 1u);
    EXPECT_NE(store->client().Health()[0].incarnation, incarnation);
    ASSERT_EQ(store->Put(std::span(&item, 1))[0], PutStatus::kStored);
    const GetResult hit = store->Get(std::span(&key, 1), kAnyAge)[0];
    ASSERT_EQ(hit.status, GetStatus::kHit);
    EXPECT_TRUE(IsRight(hit, key, kStateBytes));
  }
}

TEST(Token, AWrongOneIsRefusedAndTheJobOfOthersGoesOn) {
  const TemporaryFolder folder;
  const SystemClock clock;
  const NodeAt node = StartNode(folder, "node", Path::kUnix, uint64_t{64} << 20);
  const auto owner = OpenStore(StoreOptions({node.endpoint}), clock);
  const StateKey key = KeyOf(1);
  const PutItem item = PutOf(key, 10, kStateBytes);
  ASSERT_EQ(owner->Put(std::span(&item, 1))[0], PutStatus::kStored);

  client::CacheStore::Options options = StoreOptions({node.endpoint});
  options.client.token = "open barley";
  const auto thief = OpenStore(options, clock);
  EXPECT_EQ(thief->Get(std::span(&key, 1), kAnyAge)[0].status, GetStatus::kUnavailable);
  EXPECT_EQ(thief->GetCounts().gets[static_cast<size_t>(Fate::kRefused)], 1u);
  thief->Drop(1);
  EXPECT_EQ(thief->GetCounts().forgets_late, 1u);
  EXPECT_EQ(owner->Get(std::span(&key, 1), kAnyAge)[0].status, GetStatus::kHit);
}

}  // namespace
}  // namespace lrti::cache
