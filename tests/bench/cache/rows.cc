#include "tests/bench/cache/rows.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <optional>
#include <thread>

#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/base/test_files.h"
#include "common/hidden_state/chunks.h"
#include "common/hidden_state/client/client.h"
#include "common/hidden_state/wire/manifest.h"
#include "services/cache/node/node.h"
#include "services/cache/redis/redis_tier.h"
#include "tests/bench/cache/child.h"
#include "tests/bench/cache/memory.h"
#include "tests/bench/cache/stream.h"

namespace lrti::bench {
namespace {

using hidden_state::ChunkCrcs;
using hidden_state::Rule;
using hidden_state::StateKey;
using hidden_state::client::Answer;
using hidden_state::client::Client;
using hidden_state::client::Fate;
using hidden_state::client::kFateNames;
using hidden_state::client::LeaseSet;
using hidden_state::client::Offer;

constexpr absl::Duration kLong = absl::Seconds(20);
constexpr Rule kRule{.lineage = 1, .step = uint64_t{1} << 40, .staleness_steps_max = -1};
constexpr size_t kBatch = 16;
constexpr size_t kBoundary = 8;                  // two branches, two sides, two states
constexpr uint64_t kBoundaryBytesMax = 2 << 20;  // states of crops of training
constexpr uint32_t kPutKeys = 4;                 // that are put again and again

absl::Status Expect(bool good, const char* what, Fate fate) {
  if (good) return absl::OkStatus();
  return Error(absl::StatusCode::kInternal, "{}: {}", what, kFateNames[static_cast<size_t>(fate)]);
}

absl::Status Await(const char* what, const std::function<bool()>& true_now) {
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoSeconds(kLong);
  while (!true_now()) {
    if (std::chrono::steady_clock::now() > end) return Expect(false, what, Fate::kTimeout);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return absl::OkStatus();
}

// What Redis' own program says of itself, in bytes a second; keys of one size lie together.
absl::StatusOr<double> RedisBenchmark(const std::string& path, const std::string& command,
                                      uint64_t bytes) {
  constexpr int kRequests = 300;
  const std::string line =
      fmt::format("redis-benchmark -s {} -t {} -d {} -n {} -c 1 -r {} --dbnum {} --csv 2>/dev/null",
                  path, command, bytes, kRequests, kRequests / 2, bytes % 13 + 1);
  const std::unique_ptr<FILE, int (*)(FILE*)> output(::popen(line.c_str(), "r"), ::pclose);
  if (!output) return Error(absl::StatusCode::kInternal, "redis-benchmark: cannot be started");
  double requests = 0;  // a second: "GET","812.52",...
  std::array<char, 512> text{};
  while (std::fgets(text.data(), text.size(), output.get()) != nullptr) {
    const std::vector<std::string> cells = absl::StrSplit(text.data(), '"');
    if (cells.size() > 3) requests = std::strtod(cells[3].c_str(), nullptr);
  }
  if (requests > 0) return requests * static_cast<double>(bytes);
  return Error(absl::StatusCode::kInternal, "redis-benchmark: says nothing: {}", line);
}

wire::Item ItemOf(const StateKey& key, uint64_t step, uint64_t bytes) {
  wire::Item item{.key = key, .version = {1, step}, .bytes = bytes};
  item.shape = {static_cast<int64_t>(bytes / sizeof(float))};
  return item;
}

absl::StatusOr<std::pair<Child, uint16_t>> StartNode(const std::string& path, uint64_t bytes) {
  return Child::Fork([&](const Child::Ready& ready) {
    cache::NodeOptions options;
    options.unix_path = path;
    options.engine.pool_bytes = bytes;
    const auto node = cache::Node::Start(options);
    if (!node.ok()) fmt::print(stderr, "{}\n", Message(node.status()));
    if (!node.ok()) return;
    ready((*node)->port());
    while (true) ::pause();
  });
}

// A process that sends each byte back: the least that asking one costs.
absl::StatusOr<std::pair<Child, uint16_t>> StartEcho(const OpenFile& socket) {
  return Child::Fork([&](const Child::Ready& ready) {
    ready(0);
    char byte = 0;
    while (::recv(socket.fd(), &byte, 1, 0) == 1 && ::send(socket.fd(), &byte, 1, 0) == 1) {
    }
  });
}

absl::StatusOr<std::unique_ptr<Client>> Connect(const std::string& endpoint, const Clock& clock) {
  LRTI_ASSIGN_OR_RETURN(const auto parsed, hidden_state::client::ParseEndpoint(endpoint));
  return Client::Create({.nodes = {{parsed, 1}}, .token = "bench", .lanes = 1}, clock);
}

}  // namespace

struct Setup::Parts {
  explicit Parts(const Options& wanted)
      : options(wanted), source(wanted.pool_bytes, 1), rings(wanted.pool_bytes, 2) {}

  // The states of one size, each under a key.
  struct States {
    uint64_t bytes = 0;
    std::vector<StateKey> keys;
    size_t next = 0;

    // Every 7th, so that no prefetcher sees an order.
    std::vector<StateKey> Take(size_t count) {
      std::vector<StateKey> taken;
      for (size_t i = 0; i < count; ++i) taken.push_back(keys[(next += 7) % keys.size()]);
      return taken;
    }
  };

  absl::Status StartServers();
  absl::Status StartRedis();
  absl::Status StartMemcached();
  absl::Status StartTier();
  absl::Status Fill(States& states);
  void AddRows(States& states);
  void AddSharedMemoryRows(States& states);
  void AddTcpRows(States& states);
  void AddRowsOfOthers(States& states);
  absl::Status Get(Client& client, const std::vector<StateKey>& keys);
  absl::Status Put(uint64_t bytes, std::span<const uint32_t> crcs);
  absl::Status Lease(const std::vector<StateKey>& keys);
  absl::Status Demote(const StateKey& key, std::span<const std::byte> bytes);
  absl::Status FetchFromTier(const StateKey& key, uint64_t bytes);
  absl::Status GetChunks(const StateKey& key, uint64_t bytes);

  static std::string NameOf(const StateKey& key) {
    return fmt::format("s{}.{}", key.video, key.branch);
  }

  const Options options;
  SystemClock clock;
  TemporaryFolder folder;
  std::vector<Child> servers;
  OpenFile echo;
  std::unique_ptr<Client> local;
  std::unique_ptr<Client> remote;
  std::optional<Stream> raw;
  std::optional<Stream> redis_tcp;
  std::optional<Stream> redis_unix;
  std::optional<Stream> memcached;
  std::unique_ptr<cache::RedisTier> tier;
  Ring source;
  Ring rings;
  std::vector<std::unique_ptr<States>> states;
  uint64_t step = 0;
  std::vector<Row> rows;
  std::string others;
};

absl::Status Setup::Parts::StartServers() {
  std::array<int, 2> pair{};
  LRTI_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);
  echo = OpenFile(pair[0]);
  LRTI_ASSIGN_OR_RETURN(auto echo_server, StartEcho(OpenFile(pair[1])));
  servers.push_back(std::move(echo_server.first));

  // A slot holds a state and its description; a large one may leave a seventh of its extent free.
  const uint64_t states_bytes = options.pool_bytes * options.state_bytes.size();
  const std::string path = folder / "cache.sock";
  LRTI_ASSIGN_OR_RETURN(auto node, StartNode(path, states_bytes * 5 / 4 + (uint64_t{512} << 20)));
  servers.push_back(std::move(node.first));
  LRTI_ASSIGN_OR_RETURN(auto raw_server, StartRawServer(options.pool_bytes));
  servers.push_back(std::move(raw_server.first));
  LRTI_RETURN_IF_ERROR(StartRedis());
  LRTI_RETURN_IF_ERROR(StartMemcached());
  LRTI_RETURN_IF_ERROR(StartTier());

  LRTI_ASSIGN_OR_RETURN(local, Connect("unix:" + path, clock));
  LRTI_ASSIGN_OR_RETURN(remote, Connect(fmt::format("tcp://127.0.0.1:{}", node.second), clock));
  LRTI_ASSIGN_OR_RETURN(raw, Stream::ToPort(raw_server.second));
  return absl::OkStatus();
}

absl::Status Setup::Parts::StartRedis() {
  if (!IsInstalled("redis-server")) return absl::OkStatus();
  const uint16_t port = FreePort();
  const std::string path = folder / "redis.sock";
  LRTI_ASSIGN_OR_RETURN(
      Child server,
      Child::Run({"redis-server", "--port", std::to_string(port), "--bind", "127.0.0.1",
                  "--unixsocket", path, "--save", "", "--appendonly", "no", "--dir", folder.path(),
                  "--maxmemory", "16gb", "--maxmemory-policy", "allkeys-lru"}));
  servers.push_back(std::move(server));
  LRTI_ASSIGN_OR_RETURN(redis_tcp, Stream::ToPort(port));
  LRTI_ASSIGN_OR_RETURN(redis_unix, Stream::ToPath(path));
  others += "redis ";
  return absl::OkStatus();
}

// It starts a thread: no process may be forked behind it.
absl::Status Setup::Parts::StartTier() {
  if (!redis_unix) return absl::OkStatus();
  cache::RedisConfig config;
  config.endpoint = "unix:" + (folder / "redis.sock");
  config.timeout = kLong;  // a busy machine makes the figures worse, and does not end the bench
  config.queue_mib = 1024;
  config.write_mib_per_second = 100'000;
  LRTI_ASSIGN_OR_RETURN(tier, cache::RedisTier::Start(config, [](const std::string&) {}));
  return Await("the tier", [this] { return tier->GetStats().up; });
}

absl::Status Setup::Parts::StartMemcached() {
  if (!IsInstalled("memcached")) return absl::OkStatus();
  const uint16_t port = FreePort();
  const uint64_t mib = (options.pool_bytes * options.state_bytes.size() * 3 / 2) >> 20;
  LRTI_ASSIGN_OR_RETURN(Child server, Child::Run({"memcached", "-u", "root", "-l", "127.0.0.1",
                                                  "-p", std::to_string(port), "-U", "0", "-t", "1",
                                                  "-I", "64m", "-m", std::to_string(mib)}));
  servers.push_back(std::move(server));
  LRTI_ASSIGN_OR_RETURN(memcached, Stream::ToPort(port));
  others += "memcached ";
  return absl::OkStatus();
}

absl::Status Setup::Parts::Fill(States& of_size) {
  if (tier) {
    const uint64_t chunk = std::min<uint64_t>(of_size.bytes, wire::kRedisChunkBytes);
    LRTI_RETURN_IF_ERROR(RedisBenchmark(folder / "redis.sock", "set", chunk).status());
  }
  const uint64_t count = std::max<uint64_t>(options.pool_bytes / of_size.bytes, 1);
  for (uint32_t i = 0; i < count; ++i) {
    const StateKey key = {.job = 1, .video = of_size.bytes, .branch = i};
    of_size.keys.push_back(key);
    const std::span<const std::byte> bytes = source.Next(of_size.bytes);
    const Offer offer{ItemOf(key, 1, bytes.size()), bytes, {}};
    const Fate fate = remote->Put(std::span(&offer, 1), kLong)[0];
    LRTI_RETURN_IF_ERROR(Expect(fate == Fate::kOk, "filling the node", fate));
    if (redis_tcp) LRTI_RETURN_IF_ERROR(RedisSet(*redis_tcp, NameOf(key), bytes));
    if (tier) LRTI_RETURN_IF_ERROR(Demote(key, bytes));
    if (memcached) LRTI_RETURN_IF_ERROR(MemcachedSet(*memcached, NameOf(key), bytes));
  }
  return absl::OkStatus();
}

absl::Status Setup::Parts::Get(Client& client, const std::vector<StateKey>& keys) {
  const auto room = [&](size_t, const wire::Item& item) { return rings.Next(item.bytes); };
  for (const Answer& answer : client.Get(keys, kRule, room, kLong)) {
    LRTI_RETURN_IF_ERROR(Expect(answer.fate == Fate::kOk, "get", answer.fate));
  }
  return absl::OkStatus();
}

absl::Status Setup::Parts::Put(uint64_t bytes, std::span<const uint32_t> crcs) {
  const StateKey key = {.job = 1, .video = 1, .branch = static_cast<uint32_t>(++step % kPutKeys)};
  const Offer offer{ItemOf(key, step, bytes), source.Next(bytes), crcs};
  const Fate fate = remote->Put(std::span(&offer, 1), kLong)[0];
  return Expect(fate == Fate::kOk, "put", fate);
}

absl::Status Setup::Parts::Lease(const std::vector<StateKey>& keys) {
  const LeaseSet leases = local->Lease(keys, kRule, kLong);
  for (const Answer& answer : leases.answers()) {
    LRTI_RETURN_IF_ERROR(Expect(answer.fate == Fate::kOk, "lease", answer.fate));
  }
  return absl::OkStatus();
}

absl::Status Setup::Parts::Demote(const StateKey& key, std::span<const std::byte> bytes) {
  const cache::RedisStats before = tier->GetStats();
  tier->Demote({ItemOf(key, 1, bytes.size()), ChunkCrcs(bytes)}, bytes);
  cache::RedisStats after;
  LRTI_RETURN_IF_ERROR(Await("filling the tier", [&] {
    after = tier->GetStats();
    return after.demoted + after.dropped > before.demoted + before.dropped;
  }));
  if (after.dropped == before.dropped) return absl::OkStatus();
  return Error(absl::StatusCode::kInternal, "filling the tier: Redis did not take a state");
}

// As a node does for a state that it does not have.
absl::Status Setup::Parts::FetchFromTier(const StateKey& key, uint64_t bytes) {
  std::promise<bool> found;
  tier->Fetch({.key = key,
               .rule = kRule,
               .deadline = std::chrono::steady_clock::now() + absl::ToChronoSeconds(kLong),
               .room = [&](const cache::TierItem&) { return rings.Next(bytes); },
               .done = [&](const absl::StatusOr<bool>& it) { found.set_value(it.ok() && *it); }});
  return Expect(found.get_future().get(), "tier", Fate::kMiss);
}

// The same bytes and nothing else: one GET a chunk, the answer read to where it goes.
absl::Status Setup::Parts::GetChunks(const StateKey& key, uint64_t bytes) {
  std::span<std::byte> rest = rings.Next(bytes);
  for (uint64_t i = 0; !rest.empty(); ++i) {
    const auto chunk = rest.first(std::min<size_t>(rest.size(), wire::kRedisChunkBytes));
    LRTI_RETURN_IF_ERROR(RedisGet(*redis_unix, wire::ChunkName(key, {1, 1}, i), chunk));
    rest = rest.subspan(chunk.size());
  }
  return absl::OkStatus();
}

void Setup::Parts::AddRows(States& of_size) {
  rows.push_back({"memcpy", of_size.bytes, of_size.bytes, [this, &of_size] {
                    const auto from = source.Next(of_size.bytes);
                    std::memcpy(rings.Next(of_size.bytes).data(), from.data(), from.size());
                    return absl::OkStatus();
                  }});
  AddSharedMemoryRows(of_size);
  AddTcpRows(of_size);
  AddRowsOfOthers(of_size);
}

void Setup::Parts::AddSharedMemoryRows(States& of_size) {
  const uint64_t bytes = of_size.bytes;
  rows.push_back(
      {"same host copy", bytes, bytes, [this, &of_size] { return Get(*local, of_size.Take(1)); }});
  if (of_size.keys.size() >= kBatch) {
    rows.push_back({"same host copy, 16 keys", bytes, kBatch * bytes,
                    [this, &of_size] { return Get(*local, of_size.Take(kBatch)); }});
  }
  if (bytes > kBoundaryBytesMax) return;
  rows.push_back({"same host copy, 8 keys (boundary)", bytes, 0,
                  [this, &of_size] { return Get(*local, of_size.Take(kBoundary)); }});
  rows.push_back({"same host lease and release, 16 keys", bytes, 0,
                  [this, &of_size] { return Lease(of_size.Take(kBatch)); }});
}

void Setup::Parts::AddTcpRows(States& of_size) {
  const uint64_t bytes = of_size.bytes;
  rows.push_back(
      {"raw tcp get", bytes, bytes, [this, bytes] { return RawGet(*raw, rings.Next(bytes)); }});
  rows.push_back(
      {"tcp get", bytes, bytes, [this, &of_size] { return Get(*remote, of_size.Take(1)); }});
  rows.push_back(
      {"raw tcp put", bytes, bytes, [this, bytes] { return RawPut(*raw, source.Next(bytes)); }});
  // A producer takes the CRCs as it encodes a state, while its bytes are near.
  rows.push_back({"tcp put", bytes, bytes, [this, bytes, crcs = ChunkCrcs(source.Next(bytes))] {
                    return Put(bytes, crcs);
                  }});
  rows.push_back(
      {"tcp put, CRCs not taken yet", bytes, bytes, [this, bytes] { return Put(bytes, {}); }});
}

void Setup::Parts::AddRowsOfOthers(States& of_size) {
  const uint64_t bytes = of_size.bytes;
  const auto redis = [&](const char* name, std::optional<Stream>& stream) {
    if (!stream) return;
    rows.push_back({name, bytes, bytes, [this, &of_size, &stream] {
                      return RedisGet(*stream, NameOf(of_size.Take(1)[0]),
                                      rings.Next(of_size.bytes));
                    }});
  };
  redis("redis tcp get", redis_tcp);
  redis("redis unix get", redis_unix);
  if (tier) {
    rows.push_back({"redis unix get, by chunks", bytes, bytes,
                    [this, &of_size] { return GetChunks(of_size.Take(1)[0], of_size.bytes); }});
    // The same by Redis' own program, whose values are chunks.
    const uint64_t chunk = std::min<uint64_t>(bytes, wire::kRedisChunkBytes);
    const std::string path = folder / "redis.sock";
    rows.push_back({"redis-benchmark get, by chunks", bytes, bytes, nullptr,
                    [path, chunk] { return RedisBenchmark(path, "get", chunk); }});
    rows.push_back({"redis tier", bytes, bytes,
                    [this, &of_size] { return FetchFromTier(of_size.Take(1)[0], of_size.bytes); }});
  }
  if (!memcached) return;
  rows.push_back({"memcached tcp get", bytes, bytes, [this, &of_size] {
                    return MemcachedGet(*memcached, NameOf(of_size.Take(1)[0]),
                                        rings.Next(of_size.bytes));
                  }});
}

Setup::Setup(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Setup::~Setup() = default;

absl::StatusOr<std::unique_ptr<Setup>> Setup::Start(const Options& options) {
  auto parts = std::make_unique<Parts>(options);
  LRTI_RETURN_IF_ERROR(parts->StartServers());
  for (const uint64_t bytes : options.state_bytes) {
    parts->states.push_back(std::make_unique<Parts::States>(Parts::States{.bytes = bytes}));
    LRTI_RETURN_IF_ERROR(parts->Fill(*parts->states.back()));
  }
  for (const auto& states : parts->states) parts->AddRows(*states);
  parts->rows.push_back({"unix socket, one byte there and back", 0, 0, [it = parts.get()] {
                           char byte = 0;
                           const bool good = ::send(it->echo.fd(), &byte, 1, 0) == 1 &&
                                             ::recv(it->echo.fd(), &byte, 1, 0) == 1;
                           return Expect(good, "echo", Fate::kNodeDown);
                         }});
  return std::unique_ptr<Setup>(new Setup(std::move(parts)));
}

const std::vector<Row>& Setup::rows() const { return parts_->rows; }
std::string Setup::others() const { return parts_->others; }

}  // namespace lrti::bench
