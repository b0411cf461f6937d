#include <poll.h>

#include <algorithm>

#include "gtest/gtest.h"
#include "tests/cache/states.h"
#include "tests/cache/test_cluster.h"

namespace lrti::cache {
namespace {

using client::Fate;
using hidden_state::PutItem;
using hidden_state::PutStatus;
using hidden_state::StateKey;

constexpr size_t kMiB = 1 << 20;
constexpr uint32_t kLent = 5;
constexpr absl::Duration kLong = absl::Seconds(30);

struct Fixture {
  TemporaryFolder folder;
  SystemClock clock;
  NodeAt node;
  std::unique_ptr<client::CacheStore> store;
  std::vector<StateKey> keys;

  explicit Fixture(Path path = Path::kUnix)
      : node(StartNode(folder, "node", path, uint64_t{64} << 20)) {
    store = OpenStore(StoreOptions({node.endpoint}), clock);
    for (uint32_t i = 0; i < kLent; ++i) keys.push_back(KeyOf(i));
    Put(10);
  }

  void Put(uint64_t step) {
    for (const StateKey& key : keys) {
      const PutItem item = PutOf(key, step, kMiB);
      ASSERT_EQ(store->Put(std::span(&item, 1))[0], PutStatus::kStored);
    }
  }

  client::LeaseSet Lease(const hidden_state::Rule& rule = kAnyAge) {
    return store->client().Lease(keys, rule, kLong);
  }

  // The node hears of a release, or of a client's end, a little later.
  bool NothingIsLeased() {
    const absl::Duration end = clock.Steady() + kLong;
    while (clock.Steady() < end) {
      if (node.node->GetStats().engine.states.leased_bytes == 0) return true;
    }
    return false;
  }
};

TEST(Lease, StatesAreReadWhereTheyLie) {
  Fixture fixture;
  const client::LeaseSet leases = fixture.Lease();
  for (uint32_t i = 0; i < kLent; ++i) {
    ASSERT_EQ(leases.answers()[i].fate, Fate::kOk);
    EXPECT_EQ(leases.answers()[i].version.step, 10u);
    const auto wanted = BlobOf(fixture.keys[i], 10, kMiB);
    EXPECT_TRUE(std::ranges::equal(leases.bytes(i), wanted->bytes));
    EXPECT_EQ(leases.item(i).shape, wanted->shape);
    EXPECT_TRUE(leases.IsSound(i));
    EXPECT_TRUE(leases.StillHeld(i));
  }
  EXPECT_GE(fixture.node.node->GetStats().engine.states.leased_bytes, kLent * kMiB);
}

TEST(Lease, BytesStayWhileNewerStatesComeAndGo) {
  Fixture fixture;
  const client::LeaseSet leases = fixture.Lease();
  for (uint64_t step = 11; step < 40; ++step) fixture.Put(step);  // more than the pool holds
  for (uint32_t i = 0; i < kLent; ++i) {
    EXPECT_TRUE(std::ranges::equal(leases.bytes(i), BlobOf(fixture.keys[i], 10, kMiB)->bytes));
    EXPECT_TRUE(leases.IsSound(i));
  }
}

TEST(Lease, TheyEndWithTheSet) {
  Fixture fixture;
  {
    const client::LeaseSet leases = fixture.Lease();
    EXPECT_GT(fixture.node.node->GetStats().engine.states.leased_bytes, 0u);
  }
  EXPECT_TRUE(fixture.NothingIsLeased());
}

// A client that dies says nothing: the end of its lane is all that the node sees.
TEST(Lease, TheyEndWithTheLaneOfAClientThatDies) {
  Fixture fixture;
  const client::Deadline deadline(fixture.clock, kLong);
  client::SharedPoolView view;
  auto lane = client::Lane::Connect(client::UnixAddress(fixture.node.endpoint.path),
                                    {.job = 1, .client = 7, .token = "open sesame"}, view);
  ASSERT_TRUE(lane.ok());
  const std::vector<size_t> items = {0, 1, 2};
  std::vector<client::Answer> answers(items.size());
  client::LocateExchange exchange(fixture.keys, items, kAnyAge, true, answers);
  while (!exchange.done()) {
    pollfd wait{(*lane)->fd(), (*lane)->events(), 0};
    ASSERT_GT(::poll(&wait, 1, 30'000), 0);
    const absl::Status status = (*lane)->Advance(exchange, wait.revents, deadline);
    ASSERT_TRUE(status.ok()) << Message(status);
  }
  EXPECT_EQ(exchange.found().size(), 3u);
  EXPECT_GE(fixture.node.node->GetStats().engine.states.leased_bytes, 3 * kMiB);
  lane->reset();
  EXPECT_TRUE(fixture.NothingIsLeased());
}

TEST(Lease, ManySetsOverlapAndEachEndsItsOwn) {
  Fixture fixture;
  std::vector<client::LeaseSet> sets;
  for (int i = 0; i < 3; ++i) sets.push_back(fixture.Lease());
  sets.pop_back();
  sets.pop_back();
  EXPECT_EQ(sets[0].answers()[2].fate, Fate::kOk);
  EXPECT_TRUE(sets[0].StillHeld(2));
  sets.clear();
  EXPECT_TRUE(fixture.NothingIsLeased());
}

TEST(Lease, MissesAndStaleStatesAreSaidAndHoldNothing) {
  Fixture fixture;
  fixture.keys.push_back(KeyOf(99));
  const client::LeaseSet fresh = fixture.Lease({1, 11, 0});
  for (uint32_t i = 0; i < kLent; ++i) EXPECT_EQ(fresh.answers()[i].fate, Fate::kStale);
  EXPECT_EQ(fresh.answers()[kLent].fate, Fate::kMiss);
  EXPECT_TRUE(fixture.NothingIsLeased());
}

TEST(Lease, WhatIsForgottenIsNotHeldAnyMore) {
  Fixture fixture;
  const client::LeaseSet leases = fixture.Lease();
  fixture.store->Drop(1);
  EXPECT_FALSE(leases.StillHeld(0));
  EXPECT_TRUE(leases.IsSound(0));  // but the bytes are not written over
}

TEST(Lease, ANodeThatEndsLeavesItsBytesReadable) {
  Fixture fixture;
  const client::LeaseSet leases = fixture.Lease();
  fixture.node.node.reset();
  EXPECT_TRUE(leases.IsSound(0));
}

TEST(Lease, OverTcpItIsRefused) {
  Fixture fixture(Path::kTcp);
  const client::LeaseSet leases = fixture.Lease();
  for (const client::Answer& answer : leases.answers()) EXPECT_EQ(answer.fate, Fate::kRefused);
  EXPECT_FALSE(fixture.store->client().Health()[0].paused);
}

}  // namespace
}  // namespace lrti::cache
