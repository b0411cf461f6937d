#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "common/hidden_state/key.h"
#include "services/cache/pool/slots.h"

namespace lrti::cache {

using SessionId = uint32_t;  // a client process; 0 is none

enum class Answer : uint8_t {
  kOk,
  kMiss,      // nothing under the key
  kStale,     // get: what is there breaks the rule. put: a fresher state is there, or none of its
              // age would be accepted any more
  kNoSpace,   // what could make room is being read or written
  kQuota,     // the client's or all clients' share of leases or puts is used up
  kBadSize,   // not of a registered size class
  kGone,      // the put was cancelled: its client left, its job was invalidated, its write failed
  kNoSession  // closed or cut
};

/// Which states a node holds, where they lie, and who may use them. Every call answers at once;
/// nothing waits for room.
///
/// Guarantees, held by explorer_test.cc over every order of calls of a small node:
///  - what Lookup or Lease gives was committed whole under that key, and obeys the reader's rule;
///  - a put never replaces a fresher state of its lineage;
///  - a leased place is not written again before its lease ends, by Release or by Close;
///  - after Invalidate or Erase no state that was put before is given, also not one whose put was
///    under way;
///  - every reservation ends: committed, cancelled, or by the death of its client.
///
/// A plain value: no lock, no clock, no memory of states. The caller moves the bytes:
///
///     Reserve -> BeginWrite -> (bytes arrive at place.offset) -> EndWrite
///     Lookup  -> (copies) -> IsServed: the copy is sound      or      Lease -> (reads) -> Release
class StateTable {
 public:
  struct Limits {
    uint64_t pool_bytes = 0;
    uint64_t extent_bytes = 0;
    // One lease, and one put of a client, is within any limit: else large states had none.
    uint64_t leased_bytes_max = 0;         // of all clients; the design says half of the pool
    uint64_t leased_bytes_client_max = 0;  // of one; a tenth
    uint64_t put_bytes_client_max = 0;     // reserved or being written by one
  };
  static constexpr size_t kClassesMax = 64;

  explicit StateTable(const Limits& limits);

  /// Makes the size class of `bytes`. False when no extent could hold it, or kClassesMax are made
  /// and all are in use.
  bool Register(uint64_t bytes);

  /// `unserved` is told of every state that was served and is no longer, before its slot can be
  /// used again. Call it once, first; copies of the table tell the same.
  void Watch(std::function<void(const Place&)> unserved) { unserved_ = std::move(unserved); }

  SessionId Open();

  /// The client left or died: its leases end, its puts are cancelled. A session that is not open is
  /// none: nothing happens.
  void Close(SessionId session);

  /// The client was too slow, but its process may still read: its puts are cancelled and it gets
  /// nothing more, but its leases hold until Close.
  void Cut(SessionId session);

  struct Granted {
    Answer answer = Answer::kOk;
    Place place;  // for kOk

    // The state that was evicted from this very slot, if one was: its bytes are there until the
    // first byte is written.
    struct Evicted {
      hidden_state::StateKey key;
      uint64_t bytes = 0;
    };
    std::optional<Evicted> evicted;
  };
  /// Room for a state. Evicts what nobody uses, the ones not asked for lately first. A put of the
  /// version that is there is granted: it may differ.
  Granted Reserve(SessionId session, const hidden_state::StateKey& key,
                  const hidden_state::Version& version, uint64_t bytes);

  /// Must precede the first byte; false when the put was cancelled: not one byte may be written.
  bool BeginWrite(const Place& place);

  /// No byte is written any more. Stores the state when `complete`, unless it was cancelled or a
  /// fresher one came first. REQUIRES: BeginWrite was true for this place, once.
  Answer EndWrite(const Place& place, bool complete);

  /// Gives up a put. One that is being written keeps its slot until EndWrite.
  void Cancel(const Place& place);

  struct Found {
    Answer answer = Answer::kMiss;
    hidden_state::Version version;  // kOk, kStale: of what is there
    Place place;                    // kOk
    uint64_t bytes = 0;             // kOk
  };
  Found Lookup(const hidden_state::StateKey& key, const hidden_state::Rule& rule);

  /// As Lookup, and the place stays as it is until Release, Close or the end of the program.
  Found Lease(SessionId session, const hidden_state::StateKey& key, const hidden_state::Rule& rule);

  /// Ends one lease; false when the session has none there.
  bool Release(SessionId session, const Place& place);

  /// As Slots::Find.
  std::optional<Place> PlaceOf(uint64_t offset, uint64_t generation) const {
    return it_.slots.Find(offset, generation);
  }

  /// Whether the place still holds the state that Lookup found there.
  bool IsServed(const Place& place) const;

  void Erase(std::span<const hidden_state::StateKey> keys);
  void Invalidate(uint64_t job);

  /// The job's readers are at `now.step` of `now.lineage`: states that such a rule will never
  /// accept again are dropped, in time that grows with their number, and puts of them refused. A
  /// step before the last one of the lineage changes nothing; another lineage (a rollback) does.
  void AdvanceStep(uint64_t job, const hidden_state::Rule& now);

  struct Stats {
    uint64_t entries = 0;
    uint64_t bytes = 0;         // of states
    uint64_t pool_bytes = 0;    // of slots in use, whatever their state
    uint64_t leased_bytes = 0;  // of slots, a lease each
    uint64_t slots_busy = 0;    // reserved, being written, or retired
    uint64_t evicted = 0;       // so far, for room
    uint64_t expired = 0;       // so far, by AdvanceStep
  };
  Stats GetStats() const;

  struct Held {
    uint64_t states = 0;
    uint64_t bytes = 0;
  };
  /// What each job has, of those that have states.
  std::map<uint64_t, Held> HeldByJob() const;

  /// Extent and slot of a state, in order.
  struct Ref {
    uint32_t extent = 0;
    uint32_t slot = 0;
    auto operator<=>(const Ref&) const = default;
  };
  struct Bucket {
    uint64_t job = 0;
    hidden_state::Version version;
    auto operator<=>(const Bucket&) const = default;
  };
  struct Session {
    bool cut = false;
    uint64_t leased_bytes = 0;
    uint64_t put_bytes = 0;
    std::map<Ref, uint32_t> leases;
    std::set<Ref> puts;
  };
  /// Everything that later answers depend on.
  struct Contents {
    Slots slots;
    std::map<hidden_state::StateKey, Ref> index;
    std::map<Bucket, std::set<Ref>> buckets;
    std::map<SessionId, Session> sessions;
    std::map<uint64_t, hidden_state::Rule> steps;  // of jobs
    std::map<uint64_t, Ref> hands;                 // of size classes: where eviction looks next
    SessionId last_session = 0;
    uint64_t leased_bytes = 0;
  };
  const Contents& contents() const { return it_; }

 private:
  Place PlaceAt(const Ref& ref) const { return it_.slots.PlaceOf(ref.extent, ref.slot); }
  uint64_t SlotBytes(const Place& place) const;
  Session* Live(SessionId session);
  bool TooOld(const hidden_state::StateKey& key, const hidden_state::Version& version) const;
  bool FresherThere(const hidden_state::StateKey& key, const hidden_state::Version& version) const;
  std::optional<Place> MakePlace(uint64_t class_bytes, std::optional<Granted::Evicted>& evicted);
  bool EvictOne(uint64_t class_bytes, std::optional<Granted::Evicted>& evicted);
  Ref SlotOfClass(Ref from, uint64_t class_bytes) const;
  bool EmptyExtent(uint64_t class_bytes);
  void CancelPuts(Session& session);
  void CancelPutsOf(uint64_t job);
  void EndPut(const Place& place);
  void Forget(const hidden_state::StateKey& key);
  void DropBucket(const Bucket& bucket);
  void Unpin(const Place& place);

  Limits limits_;
  std::function<void(const Place&)> unserved_;
  std::set<uint64_t> classes_;
  Contents it_;
  uint64_t evicted_ = 0;
  uint64_t expired_ = 0;
};

}  // namespace lrti::cache
