#include "services/cache/redis/redis_tier.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <map>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/hidden_state/wire/manifest.h"
#include "services/cache/redis/bulk_lane.h"
#include "services/cache/redis/forgetter.h"
#include "services/cache/redis/job_index.h"
#include "services/cache/redis/link.h"
#include "services/cache/redis/write_behind.h"

namespace lrti::cache {
namespace {

using boost::asio::awaitable;
using hidden_state::StateKey;
using Steady = std::chrono::steady_clock;

constexpr size_t kFetchesMax = 1024;
constexpr uint64_t kMiB = 1 << 20;

// hiredis writes to sockets that may be closed: that must be an error, not a signal.
void BlockSignals() {
  sigset_t all;
  LRTI_CHECK(sigfillset(&all) == 0);
  LRTI_CHECK(pthread_sigmask(SIG_BLOCK, &all, nullptr) == 0);
}

absl::StatusOr<std::string> ReadPassword(const std::string& path) {
  if (path.empty()) return "";
  LRTI_ASSIGN_OR_RETURN(std::string text, ReadFile(path, 4096));
  text.resize(std::min(text.find('\n'), text.size()));
  if (text.empty()) return InvalidArgument("{}: its first line is no password", path);
  return text;
}

}  // namespace

class RedisTier::Loop {
 public:
  Loop(const RedisConfig& config, Link::Options options, Warn warn);
  ~Loop();

  void Demote(TierItem item, std::span<const std::byte> payload);
  void Fetch(Wanted wanted);
  void Forget(uint64_t job);
  void Forget(std::span<const StateKey> keys);
  RedisStats GetStats() const;

 private:
  struct Fetching {
    explicit Fetching(Wanted it) : wanted(std::move(it)) {}
    Wanted wanted;
    std::atomic<bool> cancelled = false;
  };
  using FetchingPtr = std::shared_ptr<Fetching>;

  void Spawn(awaitable<void> work);
  bool Begin(const FetchingPtr& fetching);
  void End(const FetchingPtr& fetching, absl::StatusOr<bool> found);
  void Cancel(const std::function<bool(const StateKey&)>& is_one);
  awaitable<void> FetchOne(FetchingPtr fetching);
  awaitable<absl::StatusOr<bool>> Find(const Fetching& fetching);
  awaitable<absl::StatusOr<bool>> FindManifest(const Fetching& fetching, wire::Manifest& manifest);
  awaitable<absl::Status> ReadBytes(const Fetching& fetching, const wire::Manifest& manifest,
                                    std::span<std::byte> place);
  awaitable<BulkLane*> FreeLane(Steady::time_point deadline);
  absl::StatusOr<bool> Count(absl::StatusOr<bool> found);

  boost::asio::io_context io_;
  Link link_;
  WriteBehind writes_;
  Forgetter forgetter_;
  std::vector<std::unique_ptr<BulkLane>> lanes_;
  std::vector<BulkLane*> free_lanes_;
  Alarm lane_free_;
  bool stopping_ = false;  // of the thread of io_
  std::atomic<uint64_t> hits_ = 0, misses_ = 0, stale_ = 0, corrupt_ = 0, failed_ = 0;
  std::atomic<uint64_t> refused_ = 0;  // demotions, while Redis was away or does not take them

  Mutex mutex_;
  std::set<FetchingPtr> fetches_ ABSL_GUARDED_BY(mutex_);

  std::jthread thread_;
};

RedisTier::Loop::Loop(const RedisConfig& config, Link::Options options, Warn warn)
    : link_(io_, std::move(options), std::move(warn)),
      writes_(io_, link_,
              {.queue_bytes = static_cast<uint64_t>(config.queue_mib) * kMiB,
               .bytes_per_second = static_cast<uint64_t>(config.write_mib_per_second) * kMiB,
               .keep = config.keep}),
      forgetter_(io_, link_, writes_),
      lane_free_(io_) {
  for (int64_t i = 0; i < config.connections; ++i) {
    lanes_.push_back(std::make_unique<BulkLane>(io_, link_));
    free_lanes_.push_back(lanes_.back().get());
  }
  Spawn(link_.Run());
  Spawn(writes_.Run());
  Spawn(forgetter_.Run());
  thread_ = std::jthread([this] {
    BlockSignals();
    io_.run();
  });
}

RedisTier::Loop::~Loop() {
  boost::asio::post(io_, [this] {
    stopping_ = true;
    link_.Stop();
    writes_.Stop();
    forgetter_.Stop();
    for (const auto& lane : lanes_) lane->Close();
    lane_free_.WakeAll();
  });
  thread_.join();
}

void RedisTier::Loop::Spawn(awaitable<void> work) {
  boost::asio::co_spawn(io_, std::move(work), [](const std::exception_ptr& thrown) {
    LRTI_CHECK(thrown == nullptr);  // the world's errors are statuses
  });
}

void RedisTier::Loop::Demote(TierItem item, std::span<const std::byte> payload) {
  LRTI_CHECK(payload.size() == item.item.bytes);
  if (!link_.demotes() || forgetter_.Blocks(item.item.key)) {
    ++refused_;
    return;
  }
  writes_.Push(std::move(item), payload);
}

void RedisTier::Loop::Fetch(Wanted wanted) {
  const auto fetching = std::make_shared<Fetching>(std::move(wanted));
  if (!Begin(fetching)) {
    ++failed_;
    fetching->wanted.done(false);
    return;
  }
  boost::asio::post(io_, [this, fetching] { Spawn(FetchOne(fetching)); });
}

// First known, then checked: whatever is forgotten from here on cancels it.
bool RedisTier::Loop::Begin(const FetchingPtr& fetching) {
  if (!link_.up()) return false;
  {
    MutexLock lock(mutex_);
    if (fetches_.size() == kFetchesMax) return false;
    fetches_.insert(fetching);
  }
  if (!forgetter_.Blocks(fetching->wanted.key)) return true;
  MutexLock lock(mutex_);
  fetches_.erase(fetching);
  return false;
}

void RedisTier::Loop::End(const FetchingPtr& fetching, absl::StatusOr<bool> found) {
  {
    MutexLock lock(mutex_);
    fetches_.erase(fetching);
    if (fetching->cancelled) found = false;
  }
  fetching->wanted.done(Count(std::move(found)));
}

absl::StatusOr<bool> RedisTier::Loop::Count(absl::StatusOr<bool> found) {
  if (found.ok()) {
    if (*found) ++hits_;
  } else if (absl::IsNotFound(found.status())) {
    ++misses_;
    return false;
  } else if (absl::IsDataLoss(found.status())) {
    ++corrupt_;
  } else {
    ++failed_;
  }
  return found;
}

void RedisTier::Loop::Cancel(const std::function<bool(const StateKey&)>& is_one) {
  writes_.Cancel(is_one);
  MutexLock lock(mutex_);
  for (const FetchingPtr& fetching : fetches_) {
    if (is_one(fetching->wanted.key)) fetching->cancelled = true;
  }
}

void RedisTier::Loop::Forget(uint64_t job) {
  forgetter_.Add(job);
  Cancel([job](const StateKey& key) { return key.job == job; });
}

void RedisTier::Loop::Forget(std::span<const StateKey> keys) {
  forgetter_.Add(keys);
  const std::set<StateKey> sorted(keys.begin(), keys.end());
  Cancel([&sorted](const StateKey& key) { return sorted.contains(key); });
}

awaitable<void> RedisTier::Loop::FetchOne(FetchingPtr fetching) {
  absl::StatusOr<bool> found = co_await Find(*fetching);
  End(fetching, std::move(found));
}

awaitable<absl::StatusOr<bool>> RedisTier::Loop::Find(const Fetching& fetching) {
  wire::Manifest manifest;
  absl::StatusOr<bool> found = co_await FindManifest(fetching, manifest);
  if (!found.ok()) co_return found.status();
  if (!fetching.wanted.rule.Accepts(manifest.item.version)) {
    ++stale_;
    co_return false;
  }
  if (fetching.cancelled) co_return false;
  const auto room = fetching.wanted.room({.item = manifest.item, .crcs = manifest.crcs});
  if (!room) co_return false;
  LRTI_CHECK(room->size() == manifest.item.bytes);
  const absl::Status read = co_await ReadBytes(fetching, manifest, *room);
  if (!read.ok()) co_return read;
  co_return true;
}

// Asks for the job's entry and the manifest at once. True, or NotFound.
awaitable<absl::StatusOr<bool>> RedisTier::Loop::FindManifest(const Fetching& fetching,
                                                              wire::Manifest& manifest) {
  const StateKey& key = fetching.wanted.key;
  const std::string index = IndexName(key.job);
  const std::string field = FieldOf(key);
  const std::string name = wire::ManifestName(key);
  const std::string end = fmt::format("{}", wire::kManifestBytesMax);  // one byte too many
  std::vector<wire::ByteView> get_entry(1, Word("HGET"));
  get_entry.push_back(Word(index));
  get_entry.push_back(Word(field));
  std::vector<wire::ByteView> get_manifest(1, Word("GETRANGE"));
  get_manifest.push_back(Word(name));
  get_manifest.push_back(Word("0"));
  get_manifest.push_back(Word(end));

  const absl::Duration left = absl::FromChrono(fetching.wanted.deadline - Steady::now());
  if (left <= absl::ZeroDuration()) {
    co_return Error(absl::StatusCode::kDeadlineExceeded, "redis: no time left");
  }
  auto listed = std::make_shared<absl::StatusOr<RedisValue>>(absl::UnknownError("no answer"));
  link_.Send(get_entry, left,
             [listed](absl::StatusOr<RedisValue> value) { *listed = std::move(value); });
  const auto text = co_await link_.Ask(std::move(get_manifest), left);
  if (!text.ok()) co_return text.status();
  if (!listed->ok()) co_return listed->status();
  const auto not_found = Error(absl::StatusCode::kNotFound, "redis: no such state");
  if ((*listed)->kind == RedisValue::Kind::kNil || text->text.empty()) co_return not_found;
  auto entry = ParseIndexValue((*listed)->text);
  if (!entry.ok()) co_return entry.status();
  auto decoded = wire::DecodeManifest(Word(text->text), key);
  if (!decoded.ok()) co_return decoded.status();
  const hidden_state::Version& version = decoded->item.version;
  if (entry->lineage != version.lineage || entry->step != version.step) co_return not_found;
  manifest = *std::move(decoded);
  co_return true;
}

awaitable<absl::Status> RedisTier::Loop::ReadBytes(const Fetching& fetching,
                                                   const wire::Manifest& manifest,
                                                   std::span<std::byte> place) {
  if (place.empty()) co_return absl::OkStatus();
  const Steady::time_point deadline = fetching.wanted.deadline;
  BulkLane* const lane = co_await FreeLane(deadline);
  if (lane == nullptr) {
    co_return Error(absl::StatusCode::kDeadlineExceeded, "redis: all connections are reading");
  }
  BulkLane::Chunks chunks{.place = place, .crcs = manifest.crcs, .deadline = deadline};
  const wire::Item& item = manifest.item;
  for (uint64_t i = 0; i < wire::ChunkCount(item.bytes, wire::kRedisChunkBytes); ++i) {
    chunks.names.push_back(wire::ChunkName(item.key, item.version, i));
  }
  const absl::Status status = co_await lane->Read(std::move(chunks));
  free_lanes_.push_back(lane);
  lane_free_.WakeAll();
  co_return status;
}

awaitable<BulkLane*> RedisTier::Loop::FreeLane(Steady::time_point deadline) {
  while (free_lanes_.empty() && !stopping_ && Steady::now() < deadline) {
    co_await lane_free_.WaitUntil(deadline);
  }
  if (free_lanes_.empty() || stopping_) co_return nullptr;
  BulkLane* const lane = free_lanes_.back();
  free_lanes_.pop_back();
  co_return lane;
}

RedisStats RedisTier::Loop::GetStats() const {
  return {.up = link_.up(),
          .queued = writes_.queued(),
          .forgetting = forgetter_.waiting(),
          .connects = link_.reconnects(),
          .demoted = writes_.written(),
          .demoted_bytes = writes_.written_bytes(),
          .dropped = writes_.dropped() + refused_,
          .hits = hits_,
          .misses = misses_,
          .stale = stale_,
          .corrupt = corrupt_,
          .failed = failed_};
}

absl::StatusOr<std::unique_ptr<RedisTier>> RedisTier::Start(
    const RedisConfig& config, std::function<void(const std::string&)> warn) {
  LRTI_ASSIGN_OR_RETURN(const RedisAddress address, ParseRedisAddress(config.endpoint));
  LRTI_ASSIGN_OR_RETURN(const std::string password, ReadPassword(config.password_file));
  return std::unique_ptr<RedisTier>(
      new RedisTier(std::make_unique<Loop>(config,
                                           Link::Options{.address = address,
                                                         .user = config.user,
                                                         .password = password,
                                                         .database = config.database,
                                                         .timeout = config.timeout},
                                           std::move(warn))));
}

RedisTier::RedisTier(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
RedisTier::~RedisTier() = default;

void RedisTier::Demote(TierItem item, std::span<const std::byte> payload) {
  loop_->Demote(std::move(item), payload);
}
void RedisTier::Fetch(Wanted wanted) { loop_->Fetch(std::move(wanted)); }
void RedisTier::Forget(uint64_t job) { loop_->Forget(job); }
void RedisTier::Forget(std::span<const StateKey> keys) { loop_->Forget(keys); }
RedisStats RedisTier::GetStats() const { return loop_->GetStats(); }

}  // namespace lrti::cache
