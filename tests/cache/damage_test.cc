#include "gtest/gtest.h"
#include "tests/cache/proxy.h"
#include "tests/cache/states.h"
#include "tests/cache/test_cluster.h"

namespace lrti::cache {
namespace {

using hidden_state::GetResult;
using hidden_state::GetStatus;
using hidden_state::PutItem;
using hidden_state::PutStatus;
using hidden_state::StateKey;

constexpr size_t kBytes = 200;

// A node, a way to it that does harm, and one that does none.
struct Way {
  TemporaryFolder folder;
  SystemClock clock;
  NodeAt node = StartNode(folder, "node", Path::kTcp, uint64_t{8} << 20);
  Proxy proxy{node.endpoint.port};
  std::unique_ptr<client::CacheStore> straight = OpenStore(StoreOptions({node.endpoint}), clock);

  // A store with a connection of its own through the proxy.
  std::unique_ptr<client::CacheStore> Through(const Proxy::Plan& plan,
                                              absl::Duration deadline = absl::Seconds(30)) {
    proxy.Set(plan);
    client::Endpoint endpoint = node.endpoint;
    endpoint.port = proxy.port();
    client::CacheStore::Options options = StoreOptions({endpoint});
    options.get_deadline = deadline;
    options.put_deadline = deadline;
    return OpenStore(options, clock);
  }
};

TEST(Damage, NoByteOfAnAnswerCanChangeUnnoticed) {
  Way way;
  const StateKey key = KeyOf(1);
  const PutItem item = PutOf(key, 10, kBytes);
  ASSERT_EQ(way.straight->Put(std::span(&item, 1))[0], PutStatus::kStored);
  ASSERT_EQ(way.Through({})->Get(std::span(&key, 1), kAnyAge)[0].status, GetStatus::kHit);
  const uint64_t bytes = way.proxy.carried(true);
  ASSERT_GT(bytes, kBytes + 4 * 64);
  for (const Proxy::Harm harm : {Proxy::Harm::kFlip, Proxy::Harm::kCut}) {
    for (uint64_t at = 0; at < bytes; ++at) {
      const auto store = way.Through({.to_client = true, .at = at, .harm = harm});
      const GetResult result = store->Get(std::span(&key, 1), kAnyAge)[0];
      if (at < bytes - wire::kHeaderBytes) {
        EXPECT_NE(result.status, GetStatus::kHit) << at;
      } else if (result.status == GetStatus::kHit) {  // only GET_END was harmed: all had come
        EXPECT_TRUE(IsRight(result, key, kBytes)) << at;
      }
    }
  }
}

TEST(Damage, NoByteOfAPutCanChangeUnnoticed) {
  Way way;
  const StateKey key = KeyOf(1);
  const PutItem first = PutOf(key, 10, kBytes);
  ASSERT_EQ(way.Through({})->Put(std::span(&first, 1))[0], PutStatus::kStored);
  const uint64_t bytes = way.proxy.carried(false);
  ASSERT_GT(bytes, kBytes + 3 * 64);
  uint64_t step = 10;
  for (const Proxy::Harm harm : {Proxy::Harm::kFlip, Proxy::Harm::kCut}) {
    for (uint64_t at = 0; at < bytes; ++at) {
      const PutItem item = PutOf(key, ++step, kBytes);
      const auto store = way.Through({.to_client = false, .at = at, .harm = harm});
      EXPECT_NE(store->Put(std::span(&item, 1))[0], PutStatus::kStored) << at;
      const GetResult there = way.straight->Get(std::span(&key, 1), {1, 1 << 20, -1})[0];
      ASSERT_EQ(there.status, GetStatus::kHit) << at;
      EXPECT_EQ(there.version.step, 10u) << at;
      EXPECT_TRUE(IsRight(there, key, kBytes)) << at;
    }
  }
}

TEST(Damage, AWayThatGoesSilentEndsByTheDeadline) {
  Way way;
  const StateKey key = KeyOf(1);
  const PutItem item = PutOf(key, 10, kBytes);
  ASSERT_EQ(way.straight->Put(std::span(&item, 1))[0], PutStatus::kStored);
  constexpr absl::Duration kDeadline = absl::Milliseconds(30);
  absl::Duration shortest = absl::InfiniteDuration();
  for (uint64_t at = 0; at < 500; at += 31) {
    const auto store =
        way.Through({.to_client = true, .at = at, .harm = Proxy::Harm::kStall}, kDeadline);
    const absl::Duration begin = way.clock.Steady();
    EXPECT_EQ(store->Get(std::span(&key, 1), kAnyAge)[0].status, GetStatus::kUnavailable) << at;
    shortest = std::min(shortest, way.clock.Steady() - begin);
  }
  EXPECT_LE(shortest, kDeadline + absl::Milliseconds(20));
  EXPECT_GE(shortest, kDeadline);
}

}  // namespace
}  // namespace lrti::cache
