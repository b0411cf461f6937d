#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/cache/node/test_node.h"
#include "services/cache/node/test_peer.h"

// Peers that fall silent, half-way or wholly: each costs its own lane, in time, and nothing else.
namespace lrti::cache {
namespace {

using std::chrono::milliseconds;
using wire::FrameType;
using wire::Outcome;

NodeOptions Impatient() {
  NodeOptions options;
  options.engine.pool_bytes = 64 << 20;
  options.hello_timeout = options.frame_timeout = options.idle_timeout = milliseconds(150);
  return options;
}

TEST(SlowPeer, OneThatNeverSaysHelloIsClosed) {
  TestNode node(Impatient());
  TestPeer silent = TestPeer::Tcp(node->port());
  EXPECT_TRUE(silent.IsClosed());
  TestPeer drop = TestPeer::Tcp(node->port());
  ASSERT_TRUE(drop.SendBytes(wire::Bytes(1, std::byte{'H'})));
  EXPECT_TRUE(drop.IsClosed());
  EXPECT_EQ(node->GetStats().timeouts, 2u);
}

TEST(SlowPeer, AFrameThatDoesNotComeWholeClosesItsLane) {
  for (const size_t missing : {1u, 60u, 150u, 210u}) {
    TestNode node(Impatient());
    TestPeer peer = node.Unix();
    const TestPeer::State state = TestPeer::MakeState(0, kSmall);
    ASSERT_TRUE(peer.BeginPut({state}, 1));
    peer.Expect(FrameType::kPutGrant);
    const wire::Bytes chunk = TestPeer::Chunk(state, 1, 0, 0);
    ASSERT_TRUE(peer.SendBytes(wire::ByteView(chunk).first(chunk.size() - missing)));
    EXPECT_TRUE(peer.IsClosed());
    node.WaitUntil([](const NodeStats& stats) { return stats.lanes == 0; });
    EXPECT_EQ(node->GetStats().engine.states.slots_busy, 0u) << missing;
  }
}

TEST(SlowPeer, APutThatStopsBetweenItsChunksClosesItsLane) {
  TestNode node(Impatient());
  TestPeer peer = node.Unix();
  ASSERT_TRUE(peer.BeginPut({TestPeer::MakeState(0, kSmall)}, 1));
  peer.Expect(FrameType::kPutGrant);
  EXPECT_TRUE(peer.IsClosed());
  node.WaitUntil([](const NodeStats& stats) { return stats.lanes == 0; });
  EXPECT_EQ(node->GetStats().engine.states.slots_busy, 0u);
}

TEST(SlowPeer, AnIdleLaneIsAskedAndKeptWhileItAnswers) {
  TestNode node(Impatient());
  TestPeer peer = node.Tcp();
  for (int i = 0; i < 3; ++i) {
    const Frame ping = peer.Expect(FrameType::kPing);
    ASSERT_TRUE(peer.Send({.type = FrameType::kPong, .request = ping.header.request}));
  }
  peer.Expect(FrameType::kPing);
  EXPECT_TRUE(peer.IsClosed()) << "half-open";
  EXPECT_EQ(node->GetStats().timeouts, 1u);
}

TEST(SlowPeer, AnIdleLaneOnThisHostMayBeSilentAsItLikes) {
  TestNode node(Impatient());
  TestPeer holder = node.Unix(1, 1);
  TestPeer idle = node.Tcp(1, 2);
  const TestPeer::State state = TestPeer::MakeState(0, kSmall);
  ASSERT_EQ(holder.Put(state), Outcome::kOk);
  ASSERT_TRUE(holder.Locate(state.item.key, true).placed);
  idle.Expect(FrameType::kPing);
  EXPECT_TRUE(idle.IsClosed()) << "so much time has passed";
  EXPECT_GT(node->GetStats().engine.states.leased_bytes, 0u) << "no lease ends by the clock";
  EXPECT_TRUE(holder.Ping());
}

TEST(SlowPeer, AReaderThatStopsStallsNoOtherAndIsClosed) {
  NodeOptions options = Impatient();
  options.frame_timeout = milliseconds(300);
  options.idle_timeout = milliseconds(60'000);
  options.engine.pool_bytes = 192 << 20;  // what is being sent is leased: half of it at most
  TestNode node(options);
  TestPeer peer = node.Tcp();
  const TestPeer::State large = TestPeer::MakeState(0, 12'000'000);
  const TestPeer::State small = TestPeer::MakeState(1, kSmall);
  ASSERT_EQ(peer.Put(small), Outcome::kOk);
  ASSERT_EQ(peer.Put(large), Outcome::kOk);
  std::vector<TestPeer> stalled;
  for (uint64_t client = 10; client < 13; ++client) {
    stalled.push_back(client == 12 ? node.Unix(1, client) : node.Tcp(1, client));
    ASSERT_TRUE(stalled.back().Ask(FrameType::kGet, {large.item.key}, TestPeer::kAnyAge));
  }
  int served = 0;
  const auto by = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (node->GetStats().timeouts < stalled.size()) {
    ASSERT_TRUE(peer.Has(small));
    ASSERT_LT(std::chrono::steady_clock::now(), by) << "they are never closed";
    ++served;
  }
  EXPECT_GT(served, 100);
  node.WaitUntil([](const NodeStats& stats) { return stats.lanes == 1; });
  EXPECT_EQ(node->GetStats().engine.states.leased_bytes, 0u) << "what was being sent is let go";
}

}  // namespace
}  // namespace lrti::cache
