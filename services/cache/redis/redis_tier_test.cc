#include "services/cache/redis/redis_tier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "common/base/crc32c.h"
#include "common/base/file_writer.h"
#include "common/base/mutex.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/hidden_state/wire/limits.h"
#include "common/hidden_state/wire/manifest.h"
#include "services/cache/redis/forgetter.h"
#include "services/cache/redis/job_index.h"
#include "services/cache/redis/test_redis.h"

namespace lrti::cache {
namespace {

using hidden_state::Rule;
using hidden_state::StateKey;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;
using testing::HasSubstr;
using testing::Not;

struct State {
  TierItem item;
  std::vector<std::byte> bytes;
};

// One row of `values` floats, other ones for each seed.
State MakeState(uint64_t values, uint32_t frame = 1, uint64_t step = 5, uint64_t job = 7) {
  State state;
  state.bytes.resize(4 * values);
  Random random({frame, step, job});
  for (size_t i = 0; i + 8 <= state.bytes.size(); i += 8) {
    const uint64_t number = random.Next();
    std::memcpy(state.bytes.data() + i, &number, sizeof number);
  }
  state.item.item = {.key = {.job = job, .frame = frame},
                     .version = {1, step},
                     .bytes = state.bytes.size(),
                     .shape = {static_cast<int64_t>(values)}};
  std::span<const std::byte> rest = state.bytes;
  while (!rest.empty()) {
    const auto chunk = rest.first(std::min<size_t>(rest.size(), wire::kChunkBytes));
    state.item.crcs.push_back(Crc32c(chunk));
    rest = rest.subspan(chunk.size());
  }
  return state;
}

constexpr uint64_t kSmall = uint64_t{64} * 64 * 120;    // floats: 1,966,080 bytes
constexpr uint64_t kLarge = uint64_t{180} * 320 * 120;  // 27,648,000 bytes

struct Fetched {
  absl::StatusOr<bool> found = absl::UnknownError("not answered");
  std::optional<TierItem> item;
  std::vector<std::byte> bytes;
  Steady::duration took{};

  bool Is(const State& state) const {
    return found.ok() && *found && item->item == state.item.item && item->crcs == state.item.crcs &&
           bytes == state.bytes;
  }
  bool Missed() const { return found.ok() && !*found; }
};

class RedisTierTest : public testing::Test {
 protected:
  std::unique_ptr<RedisTier> Start(const std::string& endpoint) {
    config_.endpoint = endpoint;
    auto tier = RedisTier::Start(config_, [this](const std::string& news) {
      MutexLock lock(mutex_);
      news_.push_back(news);
    });
    EXPECT_TRUE(tier.ok()) << tier.status();
    return *std::move(tier);
  }

  std::unique_ptr<RedisTier> StartUp(const TestRedis& redis) {
    auto tier = Start(redis.endpoint());
    EXPECT_TRUE(Eventually([&] { return tier->GetStats().up; }));
    return tier;
  }

  static void Demote(RedisTier& tier, const State& state) {
    tier.Demote(state.item, state.bytes);
    EXPECT_TRUE(Eventually([&] { return tier.GetStats().queued == 0; }));
  }

  static Fetched Fetch(RedisTier& tier, const StateKey& key, const Rule& rule = {1, 6, 3},
                       milliseconds longest = milliseconds(5000)) {
    const auto fetched = std::make_shared<Fetched>();
    std::promise<void> done;
    const auto start = Steady::now();
    tier.Fetch({.key = key,
                .rule = rule,
                .deadline = start + longest,
                .room = [fetched](const TierItem& item) -> std::optional<std::span<std::byte>> {
                  fetched->item = item;
                  fetched->bytes.resize(item.item.bytes);
                  return fetched->bytes;
                },
                .done =
                    [fetched, &done, start](absl::StatusOr<bool> found) {
                      fetched->found = std::move(found);
                      fetched->took = Steady::now() - start;
                      done.set_value();
                    }});
    done.get_future().wait();
    return *fetched;
  }

  std::string News() const {
    MutexLock lock(mutex_);
    std::string all;
    for (const std::string& news : news_) all += news + "\n";
    return all;
  }

  RedisConfig config_;
  mutable Mutex mutex_;
  std::vector<std::string> news_;
};

TEST_F(RedisTierTest, AStateComesBackAsItWasInBothUsualSizes) {
  TestRedis redis;
  const auto tier = StartUp(redis);
  for (const uint64_t values : {uint64_t{1}, kSmall, kLarge}) {
    SCOPED_TRACE(values);
    const State state = MakeState(values, static_cast<uint32_t>(values));
    Demote(*tier, state);
    EXPECT_TRUE(Fetch(*tier, state.item.item.key).Is(state));
  }
  EXPECT_EQ(tier->GetStats().hits, 3u);
  EXPECT_EQ(tier->GetStats().demoted, 3u);
}

TEST_F(RedisTierTest, ChunksHaveAtMostTwoMiBAndAllNamesExpire) {
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State state = MakeState(kLarge);
  Demote(*tier, state);
  const wire::Item& item = state.item.item;
  EXPECT_EQ(redis.Command("STRLEN " + wire::ChunkName(item.key, item.version, 0)), ":2097152\r\n");
  EXPECT_EQ(redis.Command("DBSIZE"), ":16\r\n");  // 14 chunks, manifest, index
  for (const std::string& name :
       {wire::ManifestName(item.key), wire::ChunkName(item.key, item.version, 13),
        IndexName(item.key.job)}) {
    EXPECT_GT(std::stol(redis.Command("TTL " + name).substr(1)), 3000) << name;
  }
}

TEST_F(RedisTierTest, WhatTheRuleRefusesMovesNoByte) {
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State state = MakeState(kSmall);
  Demote(*tier, state);
  for (const Rule& rule : {Rule{2, 6, 3}, Rule{1, 9, 3}, Rule{1, 4, 3}}) {
    const Fetched fetched = Fetch(*tier, state.item.item.key, rule);
    EXPECT_TRUE(fetched.Missed());
    EXPECT_FALSE(fetched.item.has_value());
  }
  EXPECT_EQ(tier->GetStats().stale, 3u);
}

TEST_F(RedisTierTest, AnEvictedChunkOrManifestOrIndexIsAMiss) {
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State state = MakeState(kLarge);
  const wire::Item& item = state.item.item;
  for (const std::string& name :
       {wire::ChunkName(item.key, item.version, 0), wire::ChunkName(item.key, item.version, 7),
        wire::ChunkName(item.key, item.version, 13), wire::ManifestName(item.key),
        IndexName(item.key.job)}) {
    SCOPED_TRACE(name);
    Demote(*tier, state);
    ASSERT_TRUE(Fetch(*tier, item.key).Is(state));
    ASSERT_EQ(redis.Command("DEL " + name), ":1\r\n");
    EXPECT_TRUE(Fetch(*tier, item.key).Missed());
  }
}

TEST_F(RedisTierTest, AnOldManifestFindsNoChunksOfANewerVersion) {
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State old_state = MakeState(kSmall, 1, 5);
  const State new_state = MakeState(kSmall, 1, 6);
  Demote(*tier, old_state);
  const wire::Item& item = old_state.item.item;
  ASSERT_EQ(redis.Command("COPY " + wire::ManifestName(item.key) + " old"), ":1\r\n");
  Demote(*tier, new_state);
  ASSERT_TRUE(Fetch(*tier, item.key).Is(new_state));
  redis.Command("COPY old " + wire::ManifestName(item.key) + " REPLACE");
  EXPECT_TRUE(Fetch(*tier, item.key).Missed());  // it is not what the index names
  redis.Command("HSET " + IndexName(item.key.job) + " " + FieldOf(item.key) + " 1.5:1");
  EXPECT_TRUE(Fetch(*tier, item.key).Is(old_state));
  redis.Command("DEL " + wire::ChunkName(item.key, item.version, 0));
  EXPECT_TRUE(Fetch(*tier, item.key).Missed());
}

TEST_F(RedisTierTest, DamagedBytesAndManifestsAreNeverAHit) {
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State state = MakeState(kSmall);
  const wire::Item& item = state.item.item;
  for (const std::string& command :
       {"SETRANGE " + wire::ChunkName(item.key, item.version, 0) + " 1500000 xyz",
        "APPEND " + wire::ChunkName(item.key, item.version, 0) + " x",
        "SETRANGE " + wire::ManifestName(item.key) + " 20 xyz",
        "SETRANGE " + wire::ManifestName(item.key) + " 1000000 x"}) {
    SCOPED_TRACE(command);
    Demote(*tier, state);
    ASSERT_THAT(redis.Command(command), testing::StartsWith(":"));
    EXPECT_EQ(Fetch(*tier, item.key).found.status().code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(tier->GetStats().corrupt, 4u);
  Demote(*tier, state);
  EXPECT_TRUE(Fetch(*tier, item.key).Is(state));
}

TEST_F(RedisTierTest, AnotherTypeOfValueUnderItsNamesIsNoHit) {
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State state = MakeState(kSmall);
  Demote(*tier, state);
  const std::string chunk = wire::ChunkName(state.item.item.key, state.item.item.version, 0);
  redis.Command("DEL " + chunk);
  redis.Command("LPUSH " + chunk + " x");
  EXPECT_THAT(Message(Fetch(*tier, state.item.item.key).found.status()), HasSubstr("WRONGTYPE"));
}

TEST_F(RedisTierTest, ForgettingAJobHidesAllOfItAtOnceAndDeletesIt) {
  TestRedis redis;
  const auto tier = StartUp(redis);
  std::vector<State> states;
  for (uint32_t frame = 0; frame < 300; ++frame) states.push_back(MakeState(64, frame));
  for (const State& state : states) tier->Demote(state.item, state.bytes);
  const State other = MakeState(64, 1, 5, 8);
  Demote(*tier, other);
  ASSERT_TRUE(Fetch(*tier, states[299].item.item.key).Is(states[299]));
  tier->Forget(7);
  EXPECT_TRUE(Fetch(*tier, states[0].item.item.key).Missed());
  ASSERT_TRUE(Eventually([&] { return tier->GetStats().forgetting == 0; }));
  EXPECT_TRUE(Fetch(*tier, states[299].item.item.key).Missed());
  EXPECT_EQ(redis.Command("DBSIZE"), ":3\r\n");  // of the other job
  EXPECT_TRUE(Fetch(*tier, other.item.item.key).Is(other));
  Demote(*tier, states[0]);  // put again
  EXPECT_TRUE(Fetch(*tier, states[0].item.item.key).Is(states[0]));
}

TEST_F(RedisTierTest, ForgettingStatesLeavesTheOthers) {
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State one = MakeState(kSmall, 1);
  const State two = MakeState(kSmall, 2);
  Demote(*tier, one);
  Demote(*tier, two);
  tier->Forget(std::vector{one.item.item.key, MakeState(1, 3).item.item.key});
  EXPECT_TRUE(Fetch(*tier, one.item.item.key).Missed());
  EXPECT_TRUE(Fetch(*tier, two.item.item.key).Is(two));
  ASSERT_TRUE(Eventually([&] { return tier->GetStats().forgetting == 0; }));
  EXPECT_EQ(redis.Command("DBSIZE"), ":3\r\n");
}

TEST_F(RedisTierTest, AStateOnItsWayIsForgottenToo) {
  config_.write_mib_per_second = 4;
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State state = MakeState(kLarge);  // 27 MB at 4 MiB/s: under way when it is forgotten
  tier->Demote(state.item, state.bytes);
  tier->Forget(7);
  ASSERT_TRUE(
      Eventually([&] { return tier->GetStats().queued == 0 && tier->GetStats().forgetting == 0; }));
  EXPECT_TRUE(Fetch(*tier, state.item.item.key).Missed());
  EXPECT_EQ(tier->GetStats().demoted, 0u);
}

TEST_F(RedisTierTest, WhatIsForgottenWhileRedisIsStoppedStaysForgotten) {
  config_.timeout = absl::Milliseconds(100);
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State state = MakeState(kSmall);
  Demote(*tier, state);
  redis.Signal(SIGSTOP);
  tier->Forget(7);
  EXPECT_TRUE(Eventually([&] { return !tier->GetStats().up; }));
  redis.Signal(SIGCONT);
  EXPECT_TRUE(Eventually([&] { return tier->GetStats().up; }));
  EXPECT_TRUE(Fetch(*tier, state.item.item.key).Missed());
  EXPECT_TRUE(Eventually([&] { return tier->GetStats().forgetting == 0; }));
  EXPECT_TRUE(Fetch(*tier, state.item.item.key).Missed());
}

TEST_F(RedisTierTest, ARedisThatNeverEvictsIsReadButNotWritten) {
  TestRedis redis({"--maxmemory-policy", "noeviction"});
  const auto tier = StartUp(redis);
  EXPECT_THAT(News(), HasSubstr("noeviction: no state is written to it; set allkeys-lru"));
  const State state = MakeState(kSmall);
  Demote(*tier, state);
  EXPECT_EQ(tier->GetStats().dropped, 1u);
  EXPECT_EQ(redis.Command("DBSIZE"), ":0\r\n");
  EXPECT_TRUE(Fetch(*tier, state.item.item.key).Missed());
}

TEST_F(RedisTierTest, AFullRedisDropsStatesAndNeverGivesPartOfOne) {
  TestRedis redis({"--maxmemory", "32mb", "--maxmemory-clients", "0"});
  config_.queue_mib = 256;
  const auto tier = StartUp(redis);
  std::vector<State> states;
  for (uint32_t frame = 0; frame < 8; ++frame) states.push_back(MakeState(kLarge / 4, frame));
  for (const State& state : states) tier->Demote(state.item, state.bytes);
  ASSERT_TRUE(Eventually([&] { return tier->GetStats().queued == 0; }));
  EXPECT_THAT(redis.Command("INFO stats"), Not(HasSubstr("evicted_keys:0\r")));
  size_t hits = 0;
  for (const State& state : states) {
    const Fetched fetched = Fetch(*tier, state.item.item.key);
    EXPECT_TRUE(fetched.Is(state) || fetched.Missed());
    hits += fetched.Is(state) ? 1 : 0;
  }
  EXPECT_LT(hits, 5u);  // of 8 in a memory for less than 5
}

TEST_F(RedisTierTest, ARedisThatThrowsItsClientsOutCostsTheStateAlone) {
  TestRedis redis({"--maxmemory", "16mb"});  // 5% for clients: less than a chunk
  const auto tier = StartUp(redis);
  const State state = MakeState(kLarge / 4);
  Demote(*tier, state);
  EXPECT_THAT(redis.Command("INFO stats"), Not(HasSubstr("evicted_clients:0\r")));
  EXPECT_EQ(tier->GetStats().dropped, 1u);
  EXPECT_TRUE(Eventually([&] { return tier->GetStats().up; }));
  EXPECT_TRUE(Fetch(*tier, state.item.item.key).Missed());
}

TEST_F(RedisTierTest, WhatTheQueueHasNoRoomForIsDroppedAndCounted) {
  TestRedis redis;
  config_.queue_mib = 4;
  config_.write_mib_per_second = 1;
  const auto tier = StartUp(redis);
  for (uint32_t frame = 0; frame < 5; ++frame) {
    const State state = MakeState(kSmall, frame);
    tier->Demote(state.item, state.bytes);
  }
  EXPECT_EQ(tier->GetStats().dropped, 3u);
}

TEST_F(RedisTierTest, ARedisThatIsNotThereYetIsFoundOnceItIs) {
  TestRedis redis;
  redis.Kill();
  const auto tier = Start(redis.endpoint());
  const State state = MakeState(kSmall);
  EXPECT_TRUE(Fetch(*tier, state.item.item.key).Missed());
  tier->Demote(state.item, state.bytes);
  EXPECT_EQ(tier->GetStats().dropped, 1u);
  EXPECT_TRUE(Eventually([&] { return !News().empty(); }));
  EXPECT_THAT(News(), HasSubstr("the cache goes on without it and keeps trying"));
  redis.Start();
  EXPECT_TRUE(Eventually([&] { return tier->GetStats().up; }));
  Demote(*tier, state);
  EXPECT_TRUE(Fetch(*tier, state.item.item.key).Is(state));
}

TEST_F(RedisTierTest, WhileRedisIsAwayTheSameStatesAreForgottenManyTimesWithinBounds) {
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State state = MakeState(kSmall);
  Demote(*tier, state);
  redis.Kill();
  EXPECT_TRUE(Eventually([&] { return !tier->GetStats().up; }));
  for (size_t i = 0; i < 2 * Forgetter::kTasksMax; ++i) {
    tier->Forget(std::span(&state.item.item.key, 1));
  }
  EXPECT_LE(tier->GetStats().forgetting, Forgetter::kTasksMax + 2);
  EXPECT_TRUE(Fetch(*tier, state.item.item.key).Missed());
}

TEST_F(RedisTierTest, RedisKilledInTheMiddleOfReadsAndWritesCostsMissesAlone) {
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State state = MakeState(kLarge);
  Demote(*tier, state);
  std::vector<std::future<Fetched>> fetches;
  for (int i = 0; i < 8; ++i) {
    fetches.push_back(
        std::async(std::launch::async, [&] { return Fetch(*tier, state.item.item.key); }));
  }
  tier->Demote(MakeState(kLarge, 2).item, MakeState(kLarge, 2).bytes);
  redis.Kill();
  for (std::future<Fetched>& fetch : fetches) {
    const Fetched fetched = fetch.get();
    EXPECT_TRUE(fetched.Is(state) || !fetched.found.ok() || !*fetched.found);
  }
  EXPECT_TRUE(Eventually([&] { return !tier->GetStats().up && tier->GetStats().queued == 0; }));
  redis.Start();
  EXPECT_TRUE(Eventually([&] { return tier->GetStats().up; }));
  EXPECT_TRUE(Fetch(*tier, state.item.item.key).Missed());
  Demote(*tier, state);
  EXPECT_TRUE(Fetch(*tier, state.item.item.key).Is(state));
}

TEST_F(RedisTierTest, AConnectionThatRedisClosedWhileItWasIdleCostsNothing) {
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State state = MakeState(kSmall);
  Demote(*tier, state);
  ASSERT_TRUE(Fetch(*tier, state.item.item.key).Is(state));
  ASSERT_THAT(redis.Command("CLIENT KILL TYPE normal"), testing::StartsWith(":"));
  EXPECT_TRUE(Eventually([&] { return tier->GetStats().connects == 2 && tier->GetStats().up; }));
  EXPECT_TRUE(Fetch(*tier, state.item.item.key).Is(state));
}

TEST_F(RedisTierTest, AStoppedRedisIsAMissByTheDeadlineAndThenAtOnce) {
  config_.timeout = absl::Milliseconds(200);
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State state = MakeState(kLarge);
  Demote(*tier, state);
  redis.Signal(SIGSTOP);
  const Fetched fetched = Fetch(*tier, state.item.item.key, {1, 6, 3}, milliseconds(100));
  EXPECT_FALSE(fetched.Is(state));
  EXPECT_LT(fetched.took, milliseconds(200));
  EXPECT_TRUE(Eventually([&] { return !tier->GetStats().up; }));
  EXPECT_LT(Fetch(*tier, state.item.item.key).took, milliseconds(20));
  redis.Signal(SIGCONT);
  EXPECT_TRUE(Eventually([&] { return tier->GetStats().up; }));
  EXPECT_TRUE(Fetch(*tier, state.item.item.key).Is(state));
}

TEST_F(RedisTierTest, ManyFetchesShareFewConnections) {
  TestRedis redis;
  const auto tier = StartUp(redis);
  const State state = MakeState(kSmall);
  Demote(*tier, state);
  std::vector<std::future<Fetched>> fetches;
  for (int i = 0; i < 32; ++i) {
    fetches.push_back(
        std::async(std::launch::async, [&] { return Fetch(*tier, state.item.item.key); }));
  }
  for (std::future<Fetched>& fetch : fetches) EXPECT_TRUE(fetch.get().Is(state));
}

TEST_F(RedisTierTest, LogsInWithThePasswordOfAFile) {
  TestRedis redis;
  ASSERT_EQ(redis.Command("ACL SETUSER cache on >secret ~* &* +@all"), "+OK\r\n");
  ASSERT_EQ(redis.Command("CONFIG SET requirepass other"), "+OK\r\n");
  TemporaryFolder folder;
  config_.password_file = folder / "password";
  ASSERT_TRUE(WriteFileAtomic(config_.password_file, "secret\n").ok());
  config_.user = "cache";
  config_.database = 3;
  const auto tier = StartUp(redis);
  const State state = MakeState(kSmall);
  Demote(*tier, state);
  EXPECT_TRUE(Fetch(*tier, state.item.item.key).Is(state));
}

TEST_F(RedisTierTest, AWrongPasswordIsNewsThatSaysSo) {
  TestRedis redis;
  ASSERT_EQ(redis.Command("CONFIG SET requirepass other"), "+OK\r\n");
  const auto tier = Start(redis.endpoint());
  EXPECT_TRUE(Eventually([&] { return !News().empty(); }));
  EXPECT_THAT(News(), HasSubstr("NOAUTH"));
}

TEST_F(RedisTierTest, EndsWithFetchesUnderWay) {
  TestRedis redis;
  auto tier = StartUp(redis);
  redis.Signal(SIGSTOP);
  std::promise<absl::StatusOr<bool>> done;
  tier->Fetch({.key = {.job = 7},
               .rule = {1, 6, 3},
               .deadline = Steady::now() + std::chrono::hours(1),
               .room = [](const TierItem&) { return std::nullopt; },
               .done = [&](absl::StatusOr<bool> found) { done.set_value(std::move(found)); }});
  tier.reset();
  EXPECT_FALSE(done.get_future().get().value_or(false));
}

TEST_F(RedisTierTest, RefusesAnEndpointThatCannotBe) {
  EXPECT_EQ(RedisTier::Start({.endpoint = "redis"}, [](const std::string&) {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace lrti::cache
