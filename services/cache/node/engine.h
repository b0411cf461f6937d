#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/hidden_state/key.h"
#include "common/hidden_state/wire/frame.h"
#include "common/hidden_state/wire/item.h"
#include "common/hidden_state/wire/meta.h"
#include "services/cache/node/pool_memory.h"
#include "services/cache/node/tier.h"
#include "services/cache/pool/state_table.h"

namespace lrti::cache {

struct EngineStats {
  StateTable::Stats states;  // its bytes count each state's description too
  uint64_t pool_bytes = 0;   // of memory, in use or not
  uint64_t jobs = 0;
  uint64_t clients = 0;
  // So far:
  uint64_t hits = 0;
  uint64_t misses = 0;
  uint64_t stale = 0;
  uint64_t stored = 0;
  uint64_t refused_stale = 0;
  uint64_t refused_space = 0;
  uint64_t refused_quota = 0;
  uint64_t refused_bad = 0;
  uint64_t corrupt = 0;  // puts whose bytes did not agree with their CRC
  uint64_t demoted = 0;  // offered to the tier
  uint64_t fetched = 0;  // came back from it
};

/// A job that a node knows.
struct JobStats {
  uint64_t job = 0;
  uint32_t clients = 0;
  StateTable::Held held;
};

/// What a node does between its sockets and its StateTable: memory, jobs and their tokens, clients,
/// the directory that same-host readers check, and the tier below.
///
/// A slot holds a state's bytes and, behind them, its description and CRCs, so that a state costs
/// nothing else but its entry. Bytes move outside the lock: into slots that a put holds, out of
/// slots that a lease holds.
///
/// Thread-safe; no call waits for a peer.
class Engine {
 public:
  struct Options {
    uint64_t pool_bytes = uint64_t{256} << 20;  // made whole extents
    uint64_t extent_bytes = 0;  // the largest state's room; 0: chosen after the pool's size
    bool open_jobs = true;      // the first HELLO of a job sets its token; else RegisterJob must
    uint32_t jobs_max = 1024;   // one more forgets the one longest without a client
    uint32_t clients_max = 4096;
  };

  /// Errors: InvalidArgument for sizes that cannot be; ResourceExhausted without the memory.
  static absl::StatusOr<std::unique_ptr<Engine>> Create(const Options& options);

  /// REQUIRES: all clients left.
  ~Engine();

  // ---- control ----

  /// Makes a job known, or gives one that is known a new token, for HELLOs to come. With
  /// `state_bytes` it may put states of these sizes alone; else of any.
  /// Errors: InvalidArgument for a token of no or too many bytes, or a size that no slot could
  /// hold; ResourceExhausted when all jobs_max have clients.
  absl::Status RegisterJob(uint64_t job, std::string_view token,
                           std::span<const uint64_t> state_bytes);

  /// The job's readers are at `now`: see StateTable. Errors: NotFound for a job not known.
  absl::Status AdvanceStep(uint64_t job, const hidden_state::Rule& now);

  /// Forgets all states of a job, here and in the tier; they are never served again once this
  /// returns.
  void Invalidate(uint64_t job);

  /// Forgets states. REQUIRES: all of `job`.
  void Erase(std::span<const hidden_state::StateKey> keys);

  /// No new client and no put is taken any more.
  void Drain();
  bool draining() const { return draining_; }

  EngineStats GetStats() const;

  /// All jobs that are known, by their numbers; at most jobs_max.
  std::vector<JobStats> GetJobs() const;

  /// The tier below; nullptr for none. Call it once, before clients come.
  void SetTier(std::shared_ptr<Tier> tier);

  const PoolMemory& memory() const { return *memory_; }

  // ---- lanes ----

  /// What a lane is to the engine. Lanes of one client share its leases and puts.
  struct Lane {
    SessionId client = 0;
    SessionId sender = 0;  // holds what the lane is sending
    uint64_t job = 0;
  };
  struct Joined {
    wire::Outcome outcome = wire::Outcome::kOk;  // or kWrongToken, kQuota, kClosing
    Lane lane;
  };
  /// A lane said HELLO. kQuota is for one lane more than `lanes_max` of its client.
  Joined Join(const wire::Hello& hello, uint32_t lanes_max);

  /// The lane is closed. With a client's last lane its leases and puts end.
  /// REQUIRES: no Put and no Reading of the lane is left.
  void Leave(const Lane& lane);

  /// A slot that is being filled. Ends as cancelled unless Commit was called; nobody may write to
  /// room() after that.
  class Put {
   public:
    Put() = default;
    Put(Put&& other) noexcept { *this = std::move(other); }
    Put& operator=(Put&& other) noexcept;
    ~Put() { End(false); }

    std::span<std::byte> room() const;  // of the state's bytes
    void SetCrc(uint64_t chunk, uint32_t crc);

    /// Stores the state: kOk, kStale, or kClosing when it was cancelled meanwhile.
    wire::Outcome Commit() { return End(true); }

   private:
    friend class Engine;
    Put(Engine* engine, const Place& place, std::span<std::byte> room, std::byte* crcs)
        : engine_(engine), place_(place), room_(room), crcs_(crcs) {}
    wire::Outcome End(bool complete);

    Engine* engine_ = nullptr;
    Place place_;
    std::span<std::byte> room_;
    std::byte* crcs_ = nullptr;
  };
  struct Granted {
    wire::Outcome outcome = wire::Outcome::kOk;  // kStale, kNoSpace, kQuota, kBadItem, kClosing
    Put put;                                     // for kOk
  };
  /// Room for a state that CheckItem takes.
  Granted BeginPut(const Lane& lane, const wire::Item& item);

  /// A put's bytes did not agree with their CRC.
  void CountCorrupt();

  /// A state that stays as it is while it is sent.
  class Reading {
   public:
    Reading() = default;
    Reading(Reading&& other) noexcept { *this = std::move(other); }
    Reading& operator=(Reading&& other) noexcept;
    ~Reading();

    wire::ByteView bytes() const { return bytes_; }
    wire::ByteView item() const { return item_; }  // as AddItem wrote it
    uint32_t crc(uint64_t chunk) const;

   private:
    friend class Engine;
    Engine* engine_ = nullptr;
    SessionId session_ = 0;
    Place place_;
    wire::ByteView bytes_;
    wire::ByteView item_;
    wire::ByteView crcs_;
  };
  struct Found {
    wire::Outcome outcome = wire::Outcome::kMiss;  // kOk, kStale, kQuota, kWrongToken
    hidden_state::Version version;                 // kStale
    Reading reading;                               // kOk
  };
  Found Find(const Lane& lane, const hidden_state::StateKey& key, const hidden_state::Rule& rule);

  struct Located {
    wire::Outcome outcome = wire::Outcome::kMiss;  // as of Found
    wire::Bytes meta;                              // of the PLACE, for kOk and kStale
  };
  /// Where a state lies; with `lease` it stays there until Release or the end of the client.
  Located Locate(const Lane& lane, const hidden_state::StateKey& key,
                 const hidden_state::Rule& rule, bool lease);

  /// Ends leases; places of no lease are ignored.
  void Release(const Lane& lane, std::span<const wire::LeasedPlace> places);

  // ---- the tier ----

  /// Whether the tier may have a state that memory has not.
  bool MayFetch(const Lane& lane, const hidden_state::StateKey& key);

  /// Brings a state from the tier into memory where it can be found. `done` is called exactly once,
  /// by any thread, at the deadline at the latest.
  void Fetch(const hidden_state::StateKey& key, const hidden_state::Rule& rule,
             std::chrono::steady_clock::time_point deadline, std::function<void()> done);

 private:
  struct Job {
    std::string token;
    std::set<uint64_t> state_bytes;  // empty: any
    uint32_t clients = 0;
    uint64_t last_used = 0;
  };
  struct ClientName {
    uint64_t job = 0;
    uint64_t client = 0;
    auto operator<=>(const ClientName&) const = default;
  };
  struct Client {
    SessionId session = 0;
    uint32_t lanes = 0;
  };
  // What a fetch under way shares with its callbacks.
  struct Landing;

  Engine(const Options& options, std::unique_ptr<PoolMemory> memory);

  absl::Status AddJob(uint64_t job, std::string_view token) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ForgetAJob() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  wire::Outcome Reserve(SessionId session, const wire::Item& item, Put& put);
  Reading ReadingAt(const StateTable::Found& found, SessionId session) const;
  void Demote(const StateTable::Granted& granted);
  wire::Outcome EndPut(const Place& place, bool complete);
  wire::Outcome Count(Answer answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetStates(const std::function<bool(const hidden_state::StateKey&)>& named,
                    const std::function<void()>& in_memory, const std::function<void()>& in_tier)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<std::span<std::byte>> RoomFor(Landing& landing, const TierItem& found);
  void Land(Landing& landing, bool there);

  const Options options_;
  const std::unique_ptr<PoolMemory> memory_;
  std::shared_ptr<Tier> tier_;
  std::atomic<bool> draining_ = false;
  mutable Mutex mutex_;
  CondVar changed_;  // landings_, demoting_
  StateTable table_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, Job> jobs_ ABSL_GUARDED_BY(mutex_);
  std::map<ClientName, Client> clients_ ABSL_GUARDED_BY(mutex_);
  std::map<SessionId, ClientName> names_ ABSL_GUARDED_BY(mutex_);
  uint64_t uses_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<Landing*> landings_ ABSL_GUARDED_BY(mutex_);  // fetches under way
  uint64_t demoting_ ABSL_GUARDED_BY(mutex_) = 0;        // demotions under way
  uint64_t forgetting_ ABSL_GUARDED_BY(mutex_) = 0;      // calls that make the tier forget
  SessionId tier_session_ = 0;
  EngineStats stats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lrti::cache
