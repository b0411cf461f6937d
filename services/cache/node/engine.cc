#include "services/cache/node/engine.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/check.h"
#include "common/base/status.h"
#include "common/hidden_state/wire/limits.h"

namespace lrti::cache {
namespace {

using hidden_state::Rule;
using hidden_state::StateKey;
using wire::Outcome;

static_assert(Slots::kPageBytes == wire::kPageBytes, "slots begin where the wire says");

constexpr uint64_t kExtentBytesMin = uint64_t{32} << 20;
constexpr uint64_t kExtentBytesMax = uint64_t{1} << 30;

// Behind the state's bytes: description, a CRC for each chunk, then how long the state is.
uint64_t TrailerBytes(const wire::Item& item) {
  return wire::EncodedBytes(item) + wire::ChunkCount(item.bytes) * sizeof(uint32_t) +
         sizeof(uint64_t);
}

// Of an item whose shape and scales are as small as they can be.
uint64_t SlotBytesMin(uint64_t state_bytes) {
  wire::Item item;
  item.bytes = state_bytes;
  return state_bytes + TrailerBytes(item);
}

uint64_t Pages(uint64_t bytes) { return bytes / wire::kPageBytes * wire::kPageBytes; }

// Room for several states of any usual size in an extent, and for several extents in the pool.
uint64_t ChosenExtent(uint64_t pool_bytes) {
  const uint64_t wanted = std::clamp(pool_bytes / 64, kExtentBytesMin, kExtentBytesMax);
  return std::max(Pages(std::min(wanted, pool_bytes / 2)), wire::kPageBytes);
}

StateTable::Limits LimitsOf(const Engine::Options& options) {
  return {.pool_bytes = options.pool_bytes,
          .extent_bytes = options.extent_bytes,
          .leased_bytes_max = options.pool_bytes / 2,
          .leased_bytes_client_max = options.pool_bytes / 10,
          .put_bytes_client_max = options.pool_bytes / 4};
}

Outcome OutcomeOf(Answer answer) {
  switch (answer) {
    case Answer::kOk:
      return Outcome::kOk;
    case Answer::kMiss:
      return Outcome::kMiss;
    case Answer::kStale:
      return Outcome::kStale;
    case Answer::kNoSpace:
      return Outcome::kNoSpace;
    case Answer::kQuota:
      return Outcome::kQuota;
    case Answer::kBadSize:
      return Outcome::kBadItem;
    case Answer::kGone:
    case Answer::kNoSession:
      return Outcome::kClosing;
  }
  LRTI_CHECK(false);
}

}  // namespace

struct Engine::Landing {
  StateKey key;
  Rule rule;
  bool dropped = false;  // guarded by the engine's mutex
  Put put;
  std::function<void()> done;
};

absl::StatusOr<std::unique_ptr<Engine>> Engine::Create(const Options& wanted) {
  Options options = wanted;
  if (options.extent_bytes == 0) options.extent_bytes = ChosenExtent(options.pool_bytes);
  if (options.extent_bytes % wire::kPageBytes != 0 || options.extent_bytes > options.pool_bytes) {
    return InvalidArgument(
        "cache: an extent of {} bytes in a pool of {}: it must be whole pages of {} and no larger "
        "than the pool",
        options.extent_bytes, options.pool_bytes, wire::kPageBytes);
  }
  options.pool_bytes -= options.pool_bytes % options.extent_bytes;
  LRTI_ASSIGN_OR_RETURN(auto memory, PoolMemory::Create(options.pool_bytes));
  return std::unique_ptr<Engine>(new Engine(options, std::move(memory)));
}

Engine::Engine(const Options& options, std::unique_ptr<PoolMemory> memory)
    : options_(options), memory_(std::move(memory)), table_(LimitsOf(options_)) {
  table_.Watch([this](const Place& place) { memory_->Unserve(place.offset); });
  tier_session_ = table_.Open();
}

Engine::~Engine() {
  MutexLock lock(mutex_);
  changed_.wait(mutex_, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return landings_.empty(); });
  LRTI_CHECK(names_.empty());
}

// ---- control ----

absl::Status Engine::RegisterJob(uint64_t job, std::string_view token,
                                 std::span<const uint64_t> state_bytes) {
  if (token.empty() || token.size() > wire::kTokenBytesMax) {
    return InvalidArgument("job {}: a token of {} bytes is not in 1..{}", job, token.size(),
                           wire::kTokenBytesMax);
  }
  if (state_bytes.size() > StateTable::kClassesMax) {
    return InvalidArgument("job {}: {} sizes of states, beyond {}", job, state_bytes.size(),
                           StateTable::kClassesMax);
  }
  for (const uint64_t bytes : state_bytes) {
    if (bytes > wire::kItemBytesMax || SlotBytesMin(bytes) > options_.extent_bytes) {
      return InvalidArgument("job {}: a state of {} bytes does not fit extents of {}", job, bytes,
                             options_.extent_bytes);
    }
  }
  MutexLock lock(mutex_);
  LRTI_RETURN_IF_ERROR(AddJob(job, token));
  Job& known = jobs_.at(job);
  known.token = token;
  known.state_bytes = {state_bytes.begin(), state_bytes.end()};
  return absl::OkStatus();
}

absl::Status Engine::AddJob(uint64_t job, std::string_view token) {
  while (!jobs_.contains(job) && jobs_.size() >= options_.jobs_max) {
    if (ForgetAJob()) continue;
    return Error(absl::StatusCode::kResourceExhausted,
                 "job {}: all {} jobs have clients; raise the number of jobs", job, jobs_.size());
  }
  // Another may have made it known while the tier forgot: its token stands.
  const auto [known, is_new] = jobs_.try_emplace(job);
  if (is_new) known->second.token = token;
  known->second.last_used = ++uses_;
  return absl::OkStatus();
}

// Its states go too: whoever takes the name next is somebody else.
bool Engine::ForgetAJob() {
  auto oldest = jobs_.end();
  for (auto job = jobs_.begin(); job != jobs_.end(); ++job) {
    if (job->second.clients > 0) continue;
    if (oldest == jobs_.end() || job->second.last_used < oldest->second.last_used) oldest = job;
  }
  if (oldest == jobs_.end()) return false;
  const uint64_t job = oldest->first;
  jobs_.erase(oldest);
  ForgetStates([job](const StateKey& key) { return key.job == job; },
               [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { table_.Invalidate(job); },
               [&] { tier_->Forget(job); });
  return true;
}

absl::Status Engine::AdvanceStep(uint64_t job, const Rule& now) {
  MutexLock lock(mutex_);
  if (!jobs_.contains(job)) {
    return Error(absl::StatusCode::kNotFound, "job {} is not known; register it first", job);
  }
  table_.AdvanceStep(job, now);
  return absl::OkStatus();
}

void Engine::Invalidate(uint64_t job) {
  MutexLock lock(mutex_);
  ForgetStates([job](const StateKey& key) { return key.job == job; },
               [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { table_.Invalidate(job); },
               [&] { tier_->Forget(job); });
}

void Engine::Erase(std::span<const StateKey> keys) {
  const std::set<StateKey> named(keys.begin(), keys.end());
  MutexLock lock(mutex_);
  ForgetStates([&](const StateKey& key) { return named.contains(key); },
               [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { table_.Erase(keys); },
               [&] { tier_->Forget(keys); });
}

// Nothing may slip from memory to the tier or back while both forget: what is on its way down
// arrives first, what is on its way up is dropped, and nothing new sets out.
void Engine::ForgetStates(const std::function<bool(const StateKey&)>& named,
                          const std::function<void()>& in_memory,
                          const std::function<void()>& in_tier) {
  in_memory();
  if (!tier_) return;
  ++forgetting_;
  for (Landing* const landing : landings_) landing->dropped |= named(landing->key);
  changed_.wait(mutex_, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return demoting_ == 0; });
  mutex_.Unlock();
  in_tier();
  mutex_.Lock();
  --forgetting_;
}

void Engine::Drain() { draining_ = true; }

EngineStats Engine::GetStats() const {
  MutexLock lock(mutex_);
  EngineStats stats = stats_;
  stats.states = table_.GetStats();
  stats.pool_bytes = options_.pool_bytes;
  stats.jobs = jobs_.size();
  stats.clients = clients_.size();
  return stats;
}

std::vector<JobStats> Engine::GetJobs() const {
  MutexLock lock(mutex_);
  const std::map<uint64_t, StateTable::Held> held = table_.HeldByJob();
  std::vector<JobStats> jobs;
  for (const auto& [number, job] : jobs_) {
    const auto states = held.find(number);
    jobs.push_back({.job = number,
                    .clients = job.clients,
                    .held = states == held.end() ? StateTable::Held() : states->second});
  }
  return jobs;
}

void Engine::SetTier(std::shared_ptr<Tier> tier) { tier_ = std::move(tier); }

// ---- lanes ----

Engine::Joined Engine::Join(const wire::Hello& hello, uint32_t lanes_max) {
  if (draining_) return {Outcome::kClosing, {}};
  MutexLock lock(mutex_);
  auto job = jobs_.find(hello.job);
  if (job == jobs_.end()) {
    if (!options_.open_jobs) return {Outcome::kWrongToken, {}};
    if (!AddJob(hello.job, hello.token).ok()) return {Outcome::kQuota, {}};
    job = jobs_.find(hello.job);
  }
  if (!wire::SameToken(job->second.token, hello.token)) return {Outcome::kWrongToken, {}};
  const ClientName name{hello.job, hello.client};
  if (!clients_.contains(name) && clients_.size() >= options_.clients_max) {
    return {Outcome::kQuota, {}};
  }
  Client& client = clients_[name];
  if (client.lanes >= lanes_max) return {Outcome::kQuota, {}};
  if (client.lanes++ == 0) {
    client.session = table_.Open();
    names_[client.session] = name;
    ++job->second.clients;
  }
  job->second.last_used = ++uses_;
  return {Outcome::kOk, {client.session, table_.Open(), hello.job}};
}

void Engine::Leave(const Lane& lane) {
  MutexLock lock(mutex_);
  table_.Close(lane.sender);
  const auto name = names_.find(lane.client);
  LRTI_CHECK(name != names_.end());
  const auto client = clients_.find(name->second);
  if (--client->second.lanes > 0) return;
  table_.Close(lane.client);
  Job& job = jobs_.at(lane.job);
  --job.clients;
  job.last_used = ++uses_;
  clients_.erase(client);
  names_.erase(name);
}

// ---- puts ----

Engine::Granted Engine::BeginPut(const Lane& lane, const wire::Item& item) {
  Granted granted;
  if (draining_) {
    granted.outcome = Outcome::kClosing;
  } else if (item.key.job != lane.job) {
    granted.outcome = Outcome::kBadItem;
  } else {
    granted.outcome = Reserve(lane.client, item, granted.put);
  }
  if (granted.outcome == Outcome::kOk) return granted;
  MutexLock lock(mutex_);
  switch (granted.outcome) {
    case Outcome::kStale:
      ++stats_.refused_stale;
      break;
    case Outcome::kNoSpace:
      ++stats_.refused_space;
      break;
    case Outcome::kQuota:
      ++stats_.refused_quota;
      break;
    default:
      ++stats_.refused_bad;
      break;
  }
  return granted;
}

Outcome Engine::Reserve(SessionId session, const wire::Item& item, Put& put) {
  const uint64_t slot_bytes = item.bytes + TrailerBytes(item);
  StateTable::Granted granted;
  {
    MutexLock lock(mutex_);
    const auto job = jobs_.find(item.key.job);
    if (job == jobs_.end()) return Outcome::kBadItem;
    const std::set<uint64_t>& sizes = job->second.state_bytes;
    if (!sizes.empty() && !sizes.contains(item.bytes)) return Outcome::kBadItem;
    if (!table_.Register(slot_bytes)) return Outcome::kBadItem;
    granted = table_.Reserve(session, item.key, item.version, slot_bytes);
    if (granted.answer != Answer::kOk) return OutcomeOf(granted.answer);
    // From here on nobody else gets the slot, whatever happens to the put.
    LRTI_CHECK(table_.BeginWrite(granted.place));
    if (granted.evicted && tier_) ++demoting_;
  }
  if (granted.evicted && tier_) Demote(granted);
  std::byte* const at = memory_->bytes().data() + granted.place.offset;
  wire::Writer writer;
  wire::AddItem(item, writer);
  const wire::Bytes description = writer.Take();
  std::byte* const crcs = at + item.bytes + description.size();
  std::memcpy(at + item.bytes, description.data(), description.size());
  std::memset(crcs, 0, wire::ChunkCount(item.bytes) * sizeof(uint32_t));
  std::memcpy(at + slot_bytes - sizeof item.bytes, &item.bytes, sizeof item.bytes);
  put = Put(this, granted.place, {at, item.bytes}, crcs);
  return Outcome::kOk;
}

// The state that was there is fresh: those that are not were dropped when their job went on.
void Engine::Demote(const StateTable::Granted& granted) {
  const StateTable::Found was{.answer = Answer::kOk,
                              .version = {},
                              .place = granted.place,
                              .bytes = granted.evicted->bytes};
  const Reading reading = ReadingAt(was, 0);
  TierItem item;
  wire::Reader reader(reading.item_);
  item.item = wire::TakeItem(reader).value().value();
  LRTI_CHECK(item.item.key == granted.evicted->key);
  for (uint64_t i = 0; i < wire::ChunkCount(item.item.bytes); ++i) {
    item.crcs.push_back(reading.crc(i));
  }
  tier_->Demote(std::move(item), reading.bytes());
  MutexLock lock(mutex_);
  ++stats_.demoted;
  --demoting_;
  changed_.notify_all();
}

Outcome Engine::EndPut(const Place& place, bool complete) {
  MutexLock lock(mutex_);
  const Answer answer = table_.EndWrite(place, complete);
  if (answer == Answer::kOk) {
    memory_->Serve(place.offset, place.generation);
    ++stats_.stored;
  }
  if (answer == Answer::kStale) ++stats_.refused_stale;
  return OutcomeOf(answer);
}

Engine::Put& Engine::Put::operator=(Put&& other) noexcept {
  std::swap(engine_, other.engine_);
  std::swap(place_, other.place_);
  std::swap(room_, other.room_);
  std::swap(crcs_, other.crcs_);
  return *this;
}

std::span<std::byte> Engine::Put::room() const { return room_; }

void Engine::Put::SetCrc(uint64_t chunk, uint32_t crc) {
  LRTI_CHECK(engine_ != nullptr && chunk < wire::ChunkCount(room_.size()));
  std::memcpy(crcs_ + chunk * sizeof crc, &crc, sizeof crc);
}

Outcome Engine::Put::End(bool complete) {
  Engine* const engine = std::exchange(engine_, nullptr);
  return engine == nullptr ? Outcome::kClosing : engine->EndPut(place_, complete);
}

void Engine::CountCorrupt() {
  MutexLock lock(mutex_);
  ++stats_.corrupt;
}

// ---- reads ----

Engine::Reading Engine::ReadingAt(const StateTable::Found& found, SessionId session) const {
  const wire::ByteView slot = memory_->bytes().subspan(found.place.offset, found.bytes);
  uint64_t bytes = 0;
  LRTI_CHECK(slot.size() >= sizeof bytes);
  std::memcpy(&bytes, slot.data() + slot.size() - sizeof bytes, sizeof bytes);
  LRTI_CHECK(bytes <= slot.size() - sizeof bytes);
  const uint64_t crcs = wire::ChunkCount(bytes) * sizeof(uint32_t);
  const wire::ByteView trailer = slot.subspan(bytes, slot.size() - bytes - sizeof bytes);
  LRTI_CHECK(trailer.size() >= crcs);
  Reading reading;
  reading.session_ = session;
  reading.place_ = found.place;
  reading.bytes_ = slot.first(bytes);
  reading.item_ = trailer.first(trailer.size() - crcs);
  reading.crcs_ = trailer.last(crcs);
  return reading;
}

Engine::Reading& Engine::Reading::operator=(Reading&& other) noexcept {
  std::swap(engine_, other.engine_);
  std::swap(session_, other.session_);
  std::swap(place_, other.place_);
  std::swap(bytes_, other.bytes_);
  std::swap(item_, other.item_);
  std::swap(crcs_, other.crcs_);
  return *this;
}

Engine::Reading::~Reading() {
  if (engine_ == nullptr) return;
  MutexLock lock(engine_->mutex_);
  engine_->table_.Release(session_, place_);
}

uint32_t Engine::Reading::crc(uint64_t chunk) const {
  uint32_t crc = 0;
  LRTI_CHECK((chunk + 1) * sizeof crc <= crcs_.size());
  std::memcpy(&crc, crcs_.data() + chunk * sizeof crc, sizeof crc);
  return crc;
}

Outcome Engine::Count(Answer answer) {
  if (answer == Answer::kOk) ++stats_.hits;
  if (answer == Answer::kMiss) ++stats_.misses;
  if (answer == Answer::kStale) ++stats_.stale;
  return OutcomeOf(answer);
}

Engine::Found Engine::Find(const Lane& lane, const StateKey& key, const Rule& rule) {
  if (key.job != lane.job) return {Outcome::kWrongToken, {}, {}};
  StateTable::Found found;
  Outcome outcome;
  {
    MutexLock lock(mutex_);
    found = table_.Lease(lane.sender, key, rule);
    outcome = Count(found.answer);
  }
  if (outcome != Outcome::kOk) return {outcome, found.version, {}};
  Reading reading = ReadingAt(found, lane.sender);
  reading.engine_ = this;
  return {outcome, found.version, std::move(reading)};
}

Engine::Located Engine::Locate(const Lane& lane, const StateKey& key, const Rule& rule,
                               bool lease) {
  if (key.job != lane.job) return {Outcome::kWrongToken, {}};
  MutexLock lock(mutex_);
  const StateTable::Found found =
      lease ? table_.Lease(lane.client, key, rule) : table_.Lookup(key, rule);
  const Outcome outcome = Count(found.answer);
  if (outcome == Outcome::kStale) return {outcome, wire::EncodeStale(found.version)};
  if (outcome != Outcome::kOk) return {outcome, {}};
  // The description is small and, with the lock, stays as it is.
  const Reading reading = ReadingAt(found, 0);
  wire::Writer writer;
  writer.Add(found.place.offset).Add(found.place.generation);
  writer.AddBytes(reading.item_).AddBytes(reading.crcs_);
  return {outcome, writer.TakeSealed()};
}

void Engine::Release(const Lane& lane, std::span<const wire::LeasedPlace> places) {
  MutexLock lock(mutex_);
  for (const wire::LeasedPlace& leased : places) {
    const auto place = table_.PlaceOf(leased.offset, leased.generation);
    if (place) table_.Release(lane.client, *place);
  }
}

// ---- the tier ----

bool Engine::MayFetch(const Lane& lane, const StateKey& key) {
  if (!tier_ || key.job != lane.job) return false;
  MutexLock lock(mutex_);
  return forgetting_ == 0 && !table_.contents().index.contains(key);
}

void Engine::Fetch(const StateKey& key, const Rule& rule,
                   std::chrono::steady_clock::time_point deadline, std::function<void()> done) {
  LRTI_CHECK(tier_ != nullptr);
  const auto landing = std::make_shared<Landing>();
  landing->key = key;
  landing->rule = rule;
  landing->done = std::move(done);
  {
    MutexLock lock(mutex_);
    landing->dropped = forgetting_ > 0;
    landings_.insert(landing.get());
  }
  tier_->Fetch(
      {.key = key,
       .rule = rule,
       .deadline = deadline,
       .room = [this, landing](const TierItem& found) { return RoomFor(*landing, found); },
       .done = [this, landing](
                   const absl::StatusOr<bool>& found) { Land(*landing, found.ok() && *found); }});
}

std::optional<std::span<std::byte>> Engine::RoomFor(Landing& landing, const TierItem& found) {
  const bool sound = found.item.key == landing.key && landing.rule.Accepts(found.item.version) &&
                     wire::CheckItem(found.item).ok() &&
                     found.crcs.size() == wire::ChunkCount(found.item.bytes);
  if (!sound || Reserve(tier_session_, found.item, landing.put) != Outcome::kOk) {
    return std::nullopt;
  }
  {
    MutexLock lock(mutex_);
    if (landing.dropped) return std::nullopt;  // from here on, forgetting cancels the put itself
  }
  for (uint64_t i = 0; i < found.crcs.size(); ++i) landing.put.SetCrc(i, found.crcs[i]);
  return landing.put.room();
}

void Engine::Land(Landing& landing, bool there) {
  const bool stored = there && landing.put.Commit() == Outcome::kOk;
  landing.put = {};
  if (stored) {
    MutexLock lock(mutex_);
    ++stats_.fetched;
  }
  const std::function<void()> done = std::move(landing.done);
  done();
  MutexLock lock(mutex_);  // at the end: the engine is not destroyed before
  landings_.erase(&landing);
  changed_.notify_all();
}

}  // namespace lrti::cache
