#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <memory>
#include <vector>

#include "common/base/crc32c.h"
#include "common/hidden_state/wire/limits.h"
#include "services/cache/node/engine.h"
#include "services/cache/redis/redis_tier.h"
#include "services/cache/redis/test_redis.h"

/// Memory over a real Redis: what leaves the one for want of room comes back from the other.
namespace lrti::cache {
namespace {

using hidden_state::Rule;
using hidden_state::StateKey;
using wire::Outcome;

constexpr uint64_t kStateBytes = uint64_t{64} * 64 * 120 * 4;
constexpr uint64_t kJob = 7;
constexpr Rule kRule{1, 6, 3};

wire::Item ItemOf(uint32_t frame, uint64_t step = 5) {
  return {.key = {.job = kJob, .frame = frame},
          .version = {1, step},
          .bytes = kStateBytes,
          .shape = {1, 120, 64, 64}};
}

class TwoTiers : public testing::Test {
 protected:
  void SetUp() override {
    auto engine = Engine::Create({.pool_bytes = uint64_t{64} << 20});
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
    auto tier = RedisTier::Start({.endpoint = redis_.endpoint()}, [](const std::string&) {});
    ASSERT_TRUE(tier.ok()) << tier.status();
    tier_ = *std::move(tier);
    engine_->SetTier(tier_);
    ASSERT_TRUE(Eventually([this] { return tier_->GetStats().up; }));
    const Engine::Joined joined = engine_->Join({.job = kJob, .client = 1, .token = "x"}, 4);
    ASSERT_EQ(joined.outcome, Outcome::kOk);
    lane_ = joined.lane;
  }
  void TearDown() override { engine_->Leave(lane_); }

  void Put(uint32_t frame) {
    Engine::Granted granted = engine_->BeginPut(lane_, ItemOf(frame));
    ASSERT_EQ(granted.outcome, Outcome::kOk);
    const std::span<std::byte> room = granted.put.room();
    std::memset(room.data(), static_cast<int>(frame), room.size());
    for (uint64_t i = 0; i < wire::ChunkCount(kStateBytes); ++i) {
      const auto rest = room.subspan(i * wire::kChunkBytes);
      granted.put.SetCrc(i, Crc32c(rest.first(std::min<size_t>(rest.size(), wire::kChunkBytes))));
    }
    ASSERT_EQ(granted.put.Commit(), Outcome::kOk);
  }

  // More than there is room for; what was first is not in memory any more.
  void PutTooMany() {
    for (uint32_t frame = 0; frame < 40; ++frame) Put(frame);
    ASSERT_TRUE(Eventually([this] { return tier_->GetStats().queued == 0; }));
    ASSERT_EQ(Find(0), Outcome::kMiss);
  }

  Outcome Find(uint32_t frame) {
    const Engine::Found found = engine_->Find(lane_, ItemOf(frame).key, kRule);
    if (found.outcome == Outcome::kOk) {
      const wire::ByteView bytes = found.reading.bytes();
      EXPECT_EQ(bytes.size(), kStateBytes);
      for (const std::byte byte : bytes) {
        if (byte != static_cast<std::byte>(frame)) ADD_FAILURE() << "another state's bytes";
        if (byte != static_cast<std::byte>(frame)) break;
      }
    }
    return found.outcome;
  }

  void Fetch(uint32_t frame, const Rule& rule = kRule) {
    std::promise<void> done;
    engine_->Fetch(ItemOf(frame).key, rule,
                   std::chrono::steady_clock::now() + std::chrono::seconds(10),
                   [&done] { done.set_value(); });
    done.get_future().wait();
  }

  TestRedis redis_;
  std::shared_ptr<RedisTier> tier_;  // outlives what the engine asked of it
  std::unique_ptr<Engine> engine_;
  Engine::Lane lane_;
};

TEST_F(TwoTiers, AStateThatWasEvictedComesBackFromRedis) {
  PutTooMany();
  EXPECT_GT(tier_->GetStats().demoted, 0u);
  Fetch(0);
  EXPECT_EQ(Find(0), Outcome::kOk);
  EXPECT_EQ(engine_->GetStats().fetched, 1u);
}

TEST_F(TwoTiers, WhatTheReaderWouldRefuseDoesNotComeBack) {
  PutTooMany();
  Fetch(0, {2, 6, 3});
  EXPECT_EQ(Find(0), Outcome::kMiss);
  EXPECT_EQ(tier_->GetStats().stale, 1u);
}

TEST_F(TwoTiers, AnInvalidatedJobComesBackFromNeither) {
  PutTooMany();
  engine_->Invalidate(kJob);
  for (const uint32_t frame : {0u, 1u, 39u}) {
    Fetch(frame);
    EXPECT_EQ(Find(frame), Outcome::kMiss);
  }
  ASSERT_TRUE(Eventually([this] { return tier_->GetStats().forgetting == 0; }));
  Fetch(0);
  EXPECT_EQ(Find(0), Outcome::kMiss);
}

TEST_F(TwoTiers, WithoutRedisMemoryServesOn) {
  redis_.Kill();
  ASSERT_TRUE(Eventually([this] { return !tier_->GetStats().up; }));
  PutTooMany();
  EXPECT_EQ(Find(39), Outcome::kOk);
  Fetch(0);
  EXPECT_EQ(Find(0), Outcome::kMiss);
  EXPECT_GT(tier_->GetStats().dropped, 0u);
}

}  // namespace
}  // namespace lrti::cache
