#include "services/cache/node/node.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "common/base/status.h"
#include "common/base/test_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/cache/node/test_node.h"
#include "services/cache/node/test_peer.h"

namespace lrti::cache {
namespace {

using hidden_state::Rule;
using hidden_state::Version;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using wire::FrameType;
using wire::Outcome;

constexpr int64_t kValues = 1000;
constexpr int64_t kThreeChunks = 1'300'000;  // three chunks, the last one short

TEST(Node, G1AHitIsByteForByteWhatWasPutThroughEveryDoor) {
  TestNode node;
  TestPeer tcp = node.Tcp();
  TestPeer local = node.Unix();
  for (TestPeer* const writer : {&tcp, &local}) {
    const uint32_t base = writer == &tcp ? 0 : 10;
    const TestPeer::State small = TestPeer::MakeState(base, kValues);
    const TestPeer::State large = TestPeer::MakeState(base + 1, kThreeChunks);
    const TestPeer::State empty = TestPeer::MakeState(base + 2, 0);
    EXPECT_THAT(writer->Put(std::vector{small, large, empty}), Each(Outcome::kOk));
    for (TestPeer* const reader : {&tcp, &local}) {
      for (const TestPeer::State& state : {small, large, empty}) EXPECT_TRUE(reader->Has(state));
    }
  }
  EXPECT_EQ(tcp.Get({.job = 1, .frame = 99}).outcome, Outcome::kMiss);
}

TEST(Node, G1AHitIsWholeWhileItsStateIsPutAgainAndAgain) {
  TestNode node;
  std::atomic<bool> stop = false;
  std::jthread writer([&] {
    TestPeer peer = node.Tcp();
    for (uint64_t step = 1; !stop; ++step) {
      const TestPeer::State state = TestPeer::MakeState(0, kValues * 50, {1, step % 500 + 1});
      // An older one is refused once the counter has begun again.
      EXPECT_THAT(peer.Put(state), ::testing::AnyOf(Outcome::kOk, Outcome::kStale));
    }
  });
  TestPeer local = node.Unix();
  TestPeer reader = node.Tcp(1, 2);
  int hits = 0;
  while (hits < 200) {
    const auto got = reader.Get({.job = 1, .model = 2, .frame = 0});
    if (!got.state) continue;
    ++hits;
    const auto version = got.state->item.version;
    ASSERT_EQ(got.state->bytes, TestPeer::MakeState(0, kValues * 50, version).bytes);
  }
  stop = true;
}

TEST(Node, G2AHitObeysLineageAndStaleness) {
  TestNode node;
  TestPeer peer = node.Tcp();
  const TestPeer::State state = TestPeer::MakeState(0, kValues, {1, 5});
  ASSERT_EQ(peer.Put(state), Outcome::kOk);
  EXPECT_TRUE(peer.Has(state, {1, 5, 0}));
  EXPECT_TRUE(peer.Has(state, {1, 7, 2}));
  for (const Rule& rule : {Rule{1, 8, 2}, Rule{1, 4, 2}, Rule{2, 5, -1}}) {
    const auto got = peer.Get(state.item.key, rule);
    EXPECT_EQ(got.outcome, Outcome::kStale);
    EXPECT_EQ(got.stale, (Version{1, 5}));
  }
  EXPECT_EQ(peer.Put(TestPeer::MakeState(0, kValues, {1, 4})), Outcome::kStale) << "an older put";
  EXPECT_TRUE(peer.Has(state));
  TestPeer local = node.Unix();
  EXPECT_EQ(local.Locate(state.item.key, false, {1, 8, 2}).outcome, Outcome::kStale);
  EXPECT_EQ(local.Locate(state.item.key, true, {2, 5, -1}).outcome, Outcome::kStale);
}

TEST(Node, G2WhatTheReadersLeftBehindIsGoneAndRefused) {
  TestNode node;
  TestPeer peer = node.Tcp();
  const TestPeer::State state = TestPeer::MakeState(0, kValues, {1, 5});
  ASSERT_EQ(peer.Put(state), Outcome::kOk);
  ASSERT_TRUE(node->engine().AdvanceStep(1, {1, 9, 2}).ok());
  EXPECT_EQ(peer.Get(state.item.key).outcome, Outcome::kMiss);
  EXPECT_EQ(peer.Put(state), Outcome::kStale);
  EXPECT_EQ(node->engine().AdvanceStep(77, {1, 9, 2}).code(), absl::StatusCode::kNotFound);
}

TEST(Node, G3NothingIsServedOnceItsInvalidationIsAcknowledged) {
  TestNode node;
  TestPeer peer = node.Tcp();
  TestPeer other = node.Tcp(2);
  TestPeer local = node.Unix();
  std::vector<TestPeer::State> states;
  for (uint32_t frame = 0; frame < 4; ++frame) {
    states.push_back(TestPeer::MakeState(frame, kValues));
  }
  const TestPeer::State others = TestPeer::MakeState(0, kValues, {1, 1}, 2);
  ASSERT_THAT(peer.Put(states), Each(Outcome::kOk));
  ASSERT_EQ(other.Put(others), Outcome::kOk);
  const auto place = local.Locate(states[1].item.key, false);
  ASSERT_TRUE(place.placed);
  EXPECT_EQ(node->engine().memory().ServedAt(place.placed->offset), place.placed->generation);

  peer.Invalidate(1, {states[0].item.key});
  EXPECT_EQ(peer.Get(states[0].item.key).outcome, Outcome::kMiss);
  EXPECT_TRUE(peer.Has(states[1]));
  peer.Invalidate(1);
  EXPECT_EQ(node->engine().memory().ServedAt(place.placed->offset), 0u)
      << "a copy that is under way ends as a miss";
  for (const TestPeer::State& state : states) {
    EXPECT_EQ(peer.Get(state.item.key).outcome, Outcome::kMiss);
    EXPECT_EQ(local.Locate(state.item.key, true).outcome, Outcome::kMiss);
  }
  EXPECT_TRUE(other.Has(others)) << "another job";
}

TEST(Node, G3APutThatWasUnderWayIsNotServedEither) {
  TestNode node;
  TestPeer peer = node.Tcp();
  TestPeer other = node.Tcp(1, 2);
  const TestPeer::State state = TestPeer::MakeState(0, kThreeChunks);
  ASSERT_TRUE(peer.BeginPut({state}, 1));
  peer.Expect(FrameType::kPutGrant);
  ASSERT_TRUE(peer.SendBytes(TestPeer::Chunk(state, 1, 0, 0)));
  ASSERT_TRUE(peer.Ping());
  other.Invalidate(1);
  ASSERT_TRUE(peer.SendBytes(TestPeer::Chunk(state, 1, 0, wire::kChunkBytes)));
  ASSERT_TRUE(peer.SendBytes(TestPeer::Chunk(state, 1, 0, 2 * wire::kChunkBytes)));
  const auto done = wire::DecodeOutcomes(peer.Expect(FrameType::kPutDone).meta, 1);
  EXPECT_THAT(*done, ElementsAre(Outcome::kClosing));
  EXPECT_EQ(peer.Get(state.item.key).outcome, Outcome::kMiss);
}

TEST(Node, APutOfAClientThatDiesGivesItsRoomBack) {
  TestNode node;
  {
    TestPeer peer = node.Tcp();
    const TestPeer::State state = TestPeer::MakeState(0, kThreeChunks);
    ASSERT_TRUE(peer.BeginPut({state}, 1));
    peer.Expect(FrameType::kPutGrant);
    const wire::Bytes chunk = TestPeer::Chunk(state, 1, 0, 0);
    ASSERT_TRUE(peer.SendBytes(wire::ByteView(chunk).first(chunk.size() / 2)));
    EXPECT_EQ(node->GetStats().engine.states.slots_busy, 1u);
  }
  node.WaitUntil([](const NodeStats& stats) { return stats.lanes == 0; });
  EXPECT_EQ(node->GetStats().engine.states.slots_busy, 0u);
  EXPECT_EQ(node->GetStats().engine.clients, 0u);
}

TEST(Node, LeasesEndWithReleaseOrWithTheClientAndNotBefore) {
  TestNode node;
  TestPeer writer = node.Tcp();
  const TestPeer::State state = TestPeer::MakeState(0, kValues);
  ASSERT_EQ(writer.Put(state), Outcome::kOk);
  TestPeer holder = node.Unix(1, 7);
  const auto first = holder.Locate(state.item.key, true);
  const auto second = holder.Locate(state.item.key, true);
  ASSERT_TRUE(first.placed && second.placed);
  const wire::LeasedPlace place{first.placed->offset, first.placed->generation};
  writer.Invalidate(1);
  const wire::ByteView memory = node->engine().memory().bytes();
  const auto leased = [&] { return node->GetStats().engine.states.leased_bytes; };
  EXPECT_TRUE(std::ranges::equal(memory.subspan(place.offset, state.bytes.size()), state.bytes));
  EXPECT_EQ(leased(), 2 * wire::kPageBytes);

  ASSERT_TRUE(holder.Release({place, {12345 * wire::kPageBytes, 9}, {place.offset, 99}}));
  ASSERT_TRUE(holder.Ping());
  EXPECT_EQ(leased(), wire::kPageBytes) << "one of the two; what is no lease is ignored";
  holder.Close();
  node.WaitUntil([](const NodeStats& stats) { return stats.lanes == 1; });
  EXPECT_EQ(leased(), 0u);
  EXPECT_EQ(node->GetStats().engine.states.slots_busy, 0u) << "the slot is free again";
}

TEST(Node, AClientLivesAsLongAsOneOfItsLanes) {
  TestNode node;
  TestPeer writer = node.Tcp(1, 3);
  const TestPeer::State state = TestPeer::MakeState(0, kValues);
  ASSERT_EQ(writer.Put(state), Outcome::kOk);
  TestPeer one = node.Unix(1, 7);
  TestPeer two = node.Unix(1, 7);
  ASSERT_TRUE(one.Locate(state.item.key, true).placed);
  one.Close();
  node.WaitUntil([](const NodeStats& stats) { return stats.lanes == 2; });
  EXPECT_EQ(node->GetStats().engine.states.leased_bytes, wire::kPageBytes);
  two.Close();
  node.WaitUntil([](const NodeStats& stats) { return stats.lanes == 1; });
  EXPECT_EQ(node->GetStats().engine.states.leased_bytes, 0u);
}

TEST(Node, LeasesAreATenthOfThePoolForOneClientAndAHalfForAll) {
  TestNode node(
      Engine::Options{.pool_bytes = 64 * wire::kPageBytes, .extent_bytes = 64 * wire::kPageBytes});
  TestPeer writer = node.Tcp();
  std::vector<TestPeer::State> states;
  for (uint32_t frame = 0; frame < 8; ++frame) {
    states.push_back(TestPeer::MakeState(frame, kValues));
  }
  ASSERT_THAT(writer.Put(states), Each(Outcome::kOk));
  const auto count = [&](TestPeer& peer) {
    int leases = 0;
    for (const TestPeer::State& state : states) {
      leases += peer.Locate(state.item.key, true).outcome == Outcome::kOk ? 1 : 0;
    }
    return leases;
  };
  std::vector<TestPeer> peers;
  int all = 0;
  for (uint64_t client = 10; client < 16; ++client) {
    peers.push_back(node.Unix(1, client));
    const int leases = count(peers.back());
    EXPECT_LE(leases, 6);
    all += leases;
  }
  EXPECT_EQ(all, 32);
}

TEST(Node, SameHostClientsGetTheSealedPoolAndTheDirectoryAndCopyThemselves) {
  TestNode node;
  TestPeer local = TestPeer::Unix(node->socket_path());
  std::optional<Frame> frame = local.Greet(1, 5);
  ASSERT_TRUE(frame);
  ASSERT_EQ(frame->files.size(), 2u);
  const auto pool = wire::DecodePool(frame->meta);
  ASSERT_TRUE(pool.ok()) << pool.status();
  const auto map = [](const OpenFile& file, uint64_t bytes) {
    return ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file.fd(), 0);
  };
  void* const bytes = map(frame->files[0], pool->pool_bytes);
  void* const directory = map(frame->files[1], pool->directory_bytes);
  ASSERT_NE(bytes, MAP_FAILED);
  ASSERT_NE(directory, MAP_FAILED);
  EXPECT_EQ(::mmap(nullptr, 4096, PROT_WRITE, MAP_SHARED, frame->files[0].fd(), 0), MAP_FAILED);

  const TestPeer::State state = TestPeer::MakeState(0, kThreeChunks);
  ASSERT_EQ(local.Put(state), Outcome::kOk);
  const auto place = local.Locate(state.item.key, false);
  ASSERT_TRUE(place.placed);
  EXPECT_EQ(place.placed->item, state.item);
  const wire::ByteView copy(static_cast<const std::byte*>(bytes) + place.placed->offset,
                            state.bytes.size());
  EXPECT_TRUE(std::ranges::equal(copy, state.bytes));
  ASSERT_EQ(place.placed->crcs.size(), 3u);
  EXPECT_EQ(place.placed->crcs[2], Crc32c(copy.subspan(2 * wire::kChunkBytes)));
  const auto* const entry =
      static_cast<const uint64_t*>(directory) + place.placed->offset / wire::kPageBytes;
  EXPECT_EQ(*entry, place.placed->generation);
  ::munmap(bytes, pool->pool_bytes);
  ::munmap(directory, pool->directory_bytes);
}

TEST(Node, OneRequestMayAskForManyKeysAndNameOneTwice) {
  TestNode node;
  TestPeer peer = node.Tcp();
  const TestPeer::State state = TestPeer::MakeState(3, kThreeChunks);
  ASSERT_EQ(peer.Put(state), Outcome::kOk);
  std::vector<hidden_state::StateKey> keys(wire::kKeysMax, {.job = 1, .frame = 500});
  keys[100] = keys[1023] = state.item.key;
  keys[5] = {.job = 2, .frame = 3};
  ASSERT_TRUE(peer.Ask(FrameType::kGet, keys, TestPeer::kAnyAge));
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto got = peer.ReceiveItem();
    const bool there = i == 100 || i == 1023;
    ASSERT_EQ(got.outcome, there    ? Outcome::kOk
                           : i == 5 ? Outcome::kWrongToken
                                    : Outcome::kMiss)
        << i;
    if (there) {
      EXPECT_EQ(got.state->bytes, state.bytes);
    }
  }
  peer.Expect(FrameType::kGetEnd);
}

TEST(Node, AStateOfAnotherJobIsNeitherPutNorGiven) {
  TestNode node;
  TestPeer peer = node.Tcp(1);
  TestPeer other = node.Tcp(2);
  const TestPeer::State state = TestPeer::MakeState(0, kValues);
  EXPECT_EQ(other.Put(state), Outcome::kBadItem);
  ASSERT_EQ(peer.Put(state), Outcome::kOk);
  EXPECT_EQ(other.Get(state.item.key).outcome, Outcome::kWrongToken);
  TestPeer local = node.Unix(2, 9);
  EXPECT_EQ(local.Locate(state.item.key, true).outcome, Outcome::kWrongToken);
}

TEST(Node, AChunkThatDoesNotAgreeWithItsCrcFailsItsItemAlone) {
  TestNode node;
  TestPeer peer = node.Tcp();
  const TestPeer::State bad = TestPeer::MakeState(0, kThreeChunks);
  const TestPeer::State good = TestPeer::MakeState(1, kValues);
  ASSERT_TRUE(peer.BeginPut({bad, good}, 1));
  peer.Expect(FrameType::kPutGrant);
  wire::Bytes chunk = TestPeer::Chunk(bad, 1, 0, 0);
  chunk.back() ^= std::byte{1};
  ASSERT_TRUE(peer.SendBytes(chunk));
  ASSERT_TRUE(peer.SendBytes(TestPeer::Chunk(good, 1, 1, 0)));
  ASSERT_TRUE(peer.SendBytes(TestPeer::Chunk(bad, 1, 0, wire::kChunkBytes)));
  ASSERT_TRUE(peer.SendBytes(TestPeer::Chunk(bad, 1, 0, 2 * wire::kChunkBytes)));
  const auto done = wire::DecodeOutcomes(peer.Expect(FrameType::kPutDone).meta, 2);
  EXPECT_THAT(*done, ElementsAre(Outcome::kCorrupt, Outcome::kOk));
  EXPECT_EQ(peer.Get(bad.item.key).outcome, Outcome::kMiss);
  EXPECT_TRUE(peer.Has(good));
  EXPECT_EQ(node->GetStats().engine.corrupt, 1u);
}

TEST(Node, WhatIsSentThoughItWasNotGrantedOrAfterAnAbortIsThrownAway) {
  TestNode node;
  TestPeer peer = node.Tcp();
  const TestPeer::State state = TestPeer::MakeState(0, kValues, {1, 9});
  ASSERT_EQ(peer.Put(state), Outcome::kOk);
  const TestPeer::State older = TestPeer::MakeState(0, kValues, {1, 8});
  const TestPeer::State fresh = TestPeer::MakeState(1, kThreeChunks);
  ASSERT_TRUE(peer.BeginPut({older, fresh}, 50));
  const auto grants = wire::DecodeOutcomes(peer.Expect(FrameType::kPutGrant).meta, 2);
  EXPECT_THAT(*grants, ElementsAre(Outcome::kStale, Outcome::kOk));
  ASSERT_TRUE(peer.SendBytes(TestPeer::Chunk(older, 50, 0, 0)));
  ASSERT_TRUE(peer.SendBytes(TestPeer::Chunk(fresh, 50, 1, 0)));
  ASSERT_TRUE(peer.Send({.type = FrameType::kPutAbort, .request = 50}));
  ASSERT_TRUE(peer.SendBytes(TestPeer::Chunk(fresh, 50, 1, wire::kChunkBytes)));
  ASSERT_TRUE(peer.Ping());
  EXPECT_EQ(node->GetStats().engine.states.slots_busy, 0u);
  EXPECT_TRUE(peer.Has(state));
  EXPECT_EQ(peer.Get(fresh.item.key).outcome, Outcome::kMiss);
}

TEST(Node, AFullPoolRefusesAtOnceAndEvictsWhatNobodyUses) {
  TestNode node(
      Engine::Options{.pool_bytes = 8 * wire::kPageBytes, .extent_bytes = 8 * wire::kPageBytes});
  TestPeer peer = node.Tcp();
  for (uint32_t frame = 0; frame < 50; ++frame) {
    ASSERT_EQ(peer.Put(TestPeer::MakeState(frame, kValues)), Outcome::kOk);
  }
  EXPECT_EQ(node->GetStats().engine.states.entries, 8u);
  EXPECT_EQ(peer.Put(TestPeer::MakeState(99, 100'000)), Outcome::kBadItem) << "beyond an extent";
  EXPECT_EQ(peer.Put(std::vector{TestPeer::MakeState(60, kValues), TestPeer::MakeState(61, kValues),
                                 TestPeer::MakeState(62, kValues)})
                .back(),
            Outcome::kQuota)
      << "a quarter of the pool at a time";
}

TEST(Node, AnswersPingBetweenTheChunksOfALongAnswerAndStopsAtCancel) {
  TestNode node;
  TestPeer peer = node.Tcp();
  const TestPeer::State state = TestPeer::MakeState(0, 12 * kThreeChunks);
  ASSERT_EQ(peer.Put(state), Outcome::kOk);
  // All asked at once: the node reads the two behind the request while it answers.
  wire::Bytes bytes = TestPeer::Encoded(
      {.type = FrameType::kGet, .request = 5, .deadline_us = TestPeer::kDeadlineUs},
      wire::Encode(wire::Get{.rule = TestPeer::kAnyAge, .keys = {state.item.key}}));
  for (const wire::FrameHeader& header :
       {wire::FrameHeader{.type = FrameType::kPing, .request = 6},
        wire::FrameHeader{.type = FrameType::kCancel, .request = 5}}) {
    const wire::Bytes more = TestPeer::Encoded(header);
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  ASSERT_TRUE(peer.SendBytes(bytes));
  peer.Expect(FrameType::kGetItem);
  uint64_t received = 0;
  bool ponged = false;
  while (true) {
    const std::optional<Frame> frame = peer.Receive();
    ASSERT_TRUE(frame);
    received += frame->payload.size();
    ponged = ponged || frame->header.type == FrameType::kPong;
    if (frame->header.type != FrameType::kGetEnd) continue;
    EXPECT_EQ(frame->header.outcome, Outcome::kTimeout);
    break;
  }
  EXPECT_TRUE(ponged);
  EXPECT_LT(received, state.bytes.size());
  EXPECT_TRUE(peer.Ping()) << "the lane goes on";
}

TEST(Node, ARequestWhoseTimeIsOverEndsSo) {
  TestNode node;
  TestPeer peer = node.Tcp();
  const std::vector<hidden_state::StateKey> keys(wire::kKeysMax, {.job = 1, .frame = 1});
  ASSERT_TRUE(peer.Ask(FrameType::kGet, keys, TestPeer::kAnyAge, /*deadline_us=*/1));
  std::optional<Frame> frame = peer.Receive();
  while (frame && frame->header.type == FrameType::kGetItem) frame = peer.Receive();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->header.type, FrameType::kGetEnd);
  EXPECT_EQ(frame->header.outcome, Outcome::kTimeout);
}

TEST(Node, TokensOpenTheirJobAlone) {
  TestNode node;
  TestPeer first = node.Tcp(1);
  TestPeer wrong = TestPeer::Tcp(node->port());
  ASSERT_TRUE(wrong.SayHello({.job = 1, .client = 2, .token = "another"}));
  EXPECT_THAT(wrong.ExpectError(Outcome::kWrongToken), HasSubstr("job 1 is not known here with"));
  EXPECT_TRUE(first.Ping());

  TestNode closed(Engine::Options{.pool_bytes = 1 << 20, .open_jobs = false});
  TestPeer unknown = TestPeer::Tcp(closed->port());
  ASSERT_TRUE(unknown.SayHello(TestPeer::HelloOf(1, 1)));
  EXPECT_THAT(unknown.ExpectError(Outcome::kWrongToken), HasSubstr("job 1"));
  const std::array<uint64_t, 1> sizes = {2 * kValues};
  ASSERT_TRUE(closed->engine().RegisterJob(1, TestPeer::HelloOf(1, 1).token, sizes).ok());
  TestPeer known = closed.Tcp(1);
  EXPECT_EQ(known.Put(TestPeer::MakeState(0, kValues)), Outcome::kOk);
  EXPECT_EQ(known.Put(TestPeer::MakeState(1, kValues + 1)), Outcome::kBadItem) << "of another size";
}

TEST(Node, DrainTellsTheLanesAndLetsLeasesLast) {
  TestNode node;
  TestPeer peer = node.Tcp();
  const TestPeer::State state = TestPeer::MakeState(0, kValues);
  ASSERT_EQ(peer.Put(state), Outcome::kOk);
  TestPeer local = node.Unix(1, 3);
  ASSERT_TRUE(local.Locate(state.item.key, true).placed);
  node->Drain();
  EXPECT_EQ(peer.Expect(FrameType::kGoaway).header.outcome, Outcome::kClosing);
  local.Expect(FrameType::kGoaway);
  EXPECT_EQ(peer.Put(TestPeer::MakeState(1, kValues)), Outcome::kClosing);
  ASSERT_TRUE(peer.Ask(FrameType::kGet, {state.item.key}, TestPeer::kAnyAge));
  EXPECT_EQ(peer.Expect(FrameType::kGetEnd).header.outcome, Outcome::kClosing);
  EXPECT_EQ(node->GetStats().engine.states.leased_bytes, wire::kPageBytes);
  // The listener closes soon, on a thread of its own.
  const auto by = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (TestPeer::Tcp(node->port()).connected()) {
    ASSERT_LT(std::chrono::steady_clock::now(), by);
  }
}

TEST(Node, WhileItOnlyDrainsGetsGoOn) {
  TestNode node;
  TestPeer peer = node.Tcp();
  const TestPeer::State state = TestPeer::MakeState(0, kValues);
  ASSERT_EQ(peer.Put(state), Outcome::kOk);
  node->engine().Drain();
  EXPECT_EQ(peer.Put(TestPeer::MakeState(1, kValues)), Outcome::kClosing);
  EXPECT_EQ(peer.Get(state.item.key).outcome, Outcome::kOk);
}

TEST(Node, LanesHaveABoundForAClientAndForAll) {
  NodeOptions options;
  options.engine.pool_bytes = 1 << 20;
  options.lanes_client_max = 2;
  options.lanes_max = 4;
  TestNode node(options);
  TestPeer a = node.Tcp(1, 1);
  TestPeer b = node.Tcp(1, 1);
  TestPeer third = TestPeer::Tcp(node->port());
  ASSERT_TRUE(third.SayHello(TestPeer::HelloOf(1, 1)));
  EXPECT_THAT(third.ExpectError(Outcome::kQuota), HasSubstr("lanes of a client"));
  node.WaitUntil([](const NodeStats& stats) { return stats.lanes == 2; });
  TestPeer c = node.Tcp(1, 2);
  TestPeer d = node.Tcp(1, 3);
  TestPeer fifth = TestPeer::Tcp(node->port());
  EXPECT_TRUE(fifth.IsClosed());
  EXPECT_EQ(node->GetStats().lanes_refused, 2u);
  d.Close();
  node.WaitUntil([](const NodeStats& stats) { return stats.lanes == 3; });
  EXPECT_TRUE(node.Tcp(1, 3).Ping());
}

TEST(Node, TheSocketIsTheUsersAloneAndReplacesWhatADeadNodeLeft) {
  TemporaryFolder folder;
  NodeOptions options;
  options.unix_path = folder / "cache.sock";
  options.engine.pool_bytes = 1 << 20;
  {
    auto node = Node::Start(options);
    ASSERT_TRUE(node.ok()) << node.status();
    struct stat found {};
    ASSERT_EQ(::stat(options.unix_path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0600u);
    EXPECT_THAT(Message(Node::Start(options).status()), HasSubstr("another node serves there"));
    EXPECT_TRUE(TestPeer::Unix(options.unix_path).connected());
  }
  EXPECT_FALSE(std::filesystem::exists(options.unix_path));
  {
    const OpenFile dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::memcpy(address.sun_path, options.unix_path.data(), options.unix_path.size());
    ASSERT_EQ(::bind(dead.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_TRUE(Node::Start(options).ok());
  std::ofstream(options.unix_path) << "a file";
  EXPECT_THAT(Message(Node::Start(options).status()), HasSubstr("it is there and no socket"));
}

TEST(Node, StartNamesWhatCannotBe) {
  struct Case {
    std::function<void(NodeOptions&)> change;
    std::string message;
  };
  TestNode other;
  const std::string taken = "127.0.0.1:" + std::to_string(other->port());
  const std::vector<Case> cases = {
      {[](NodeOptions& o) { o.listen = "nowhere"; }, "'nowhere' is no address"},
      {[](NodeOptions& o) { o.listen = "127.0.0.1:99999"; }, "is no address such as"},
      {[&](NodeOptions& o) { o.listen = taken; }, "listening on '" + taken + "': Address already"},
      {[](NodeOptions& o) { o.unix_path = std::string(200, 'x'); }, "of 200 bytes, beyond 107"},
      {[](NodeOptions& o) { o.unix_path = "/nowhere/at/all"; }, "/nowhere/at/all"},
      {[](NodeOptions& o) { o.threads = 0; }, "threads"},
      {[](NodeOptions& o) { o.engine.pool_bytes = 0; }, "pool of 0"},
      {[](NodeOptions& o) { o.engine.extent_bytes = 5000; }, "an extent of 5000 bytes"},
  };
  for (const auto& [change, message] : cases) {
    SCOPED_TRACE(message);
    NodeOptions options;
    options.engine.pool_bytes = 1 << 20;
    change(options);
    EXPECT_THAT(Message(Node::Start(options).status()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace lrti::cache
