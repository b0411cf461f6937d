#include <array>
#include <chrono>
#include <thread>

#include "gtest/gtest.h"
#include "tests/cache/states.h"
#include "tests/cache/test_cluster.h"

namespace lrti::cache {
namespace {

using client::Fate;
using hidden_state::GetStatus;
using hidden_state::PutItem;
using hidden_state::PutStatus;
using hidden_state::StateKey;

constexpr size_t kSmallState = 1 << 16;

TEST(Client, ALaneThatTheNodeClosedWhileItWasIdleCostsNothing) {
  const SystemClock clock;
  NodeOptions options;
  options.listen = "127.0.0.1:0";
  options.engine.pool_bytes = 64 << 20;
  options.idle_timeout = std::chrono::milliseconds(500);
  const auto node = Node::Start(options);
  ASSERT_TRUE(node.ok()) << node.status();
  client::Endpoint endpoint{.name = "node", .host = "127.0.0.1"};
  endpoint.port = (*node)->port();
  const auto store = OpenStore(StoreOptions({endpoint}), clock);

  const PutItem item = PutOf(KeyOf(0), 10, kSmallState);
  ASSERT_EQ(store->Put(std::span(&item, 1))[0], PutStatus::kStored);
  const absl::Duration end = clock.Steady() + absl::Seconds(30);
  while ((*node)->GetStats().lanes > 0) {  // its PING stays without an answer
    ASSERT_LT(clock.Steady(), end);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(store->Get(std::span(&item.key, 1), kAnyAge)[0].status, GetStatus::kHit);
  EXPECT_EQ(store->client().Health()[0].failures, 0u);
}

TEST(Client, ASharedMemoryGetMakesNoRoomAfterItsDeadline) {
  const TemporaryFolder folder;
  const SystemClock clock;
  const NodeAt node = StartNode(folder, "node", Path::kUnix, 64 << 20);
  const auto store = OpenStore(StoreOptions({node.endpoint}), clock);
  const std::array<StateKey, 3> keys = {KeyOf(0), KeyOf(1), KeyOf(2)};
  for (const StateKey& key : keys) {
    const PutItem item = PutOf(key, 10, kSmallState);
    ASSERT_EQ(store->Put(std::span(&item, 1))[0], PutStatus::kStored);
  }
  std::vector<std::byte> memory(kSmallState);
  int rooms = 0;
  const absl::Duration budget = absl::Seconds(2);  // the node answers within it
  const auto slow_room = [&](size_t, const wire::Item&) {
    ++rooms;
    absl::SleepFor(budget);
    return std::span(memory);
  };
  const auto answers = store->client().Get(keys, kAnyAge, slow_room, budget);
  EXPECT_EQ(rooms, 1);
  for (const client::Answer& answer : answers) EXPECT_EQ(answer.fate, Fate::kTimeout);
}

}  // namespace
}  // namespace lrti::cache
