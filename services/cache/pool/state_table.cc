#include "services/cache/pool/state_table.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "common/base/check.h"

namespace lrti::cache {
namespace {

using hidden_state::Rule;
using hidden_state::StateKey;
using hidden_state::Version;

StateTable::Ref RefOf(const Place& place) { return {place.extent, place.slot}; }

// Neither a reader at `now` nor a later one of its lineage accepts it.
bool Expired(const Version& version, const Rule& now) {
  if (version.lineage != now.lineage) return true;
  return version.step <= now.step && !now.Accepts(version);
}

// One is always allowed.
bool Within(uint64_t used, uint64_t bytes, uint64_t most) {
  return used == 0 || (used <= most && bytes <= most - used);
}

bool IsBusy(const Slot& slot) {
  return slot.pins > 0 || (slot.state != SlotState::kFree && slot.state != SlotState::kCommitted);
}

}  // namespace

StateTable::StateTable(const Limits& limits)
    : limits_(limits), it_{.slots = Slots(limits.pool_bytes, limits.extent_bytes)} {}

bool StateTable::Register(uint64_t bytes) {
  const std::optional<uint64_t> size = it_.slots.ClassOf(bytes);
  if (!size) return false;
  if (classes_.size() == kClassesMax && !classes_.contains(*size)) {
    std::erase_if(classes_, [&](uint64_t unused) { return it_.slots.ExtentsOf(unused) == 0; });
    std::erase_if(it_.hands, [&](const auto& hand) { return !classes_.contains(hand.first); });
    if (classes_.size() == kClassesMax) return false;
  }
  classes_.insert(*size);
  return true;
}

// ---- sessions ----

SessionId StateTable::Open() {
  LRTI_CHECK(it_.last_session < std::numeric_limits<SessionId>::max());
  it_.sessions[++it_.last_session];
  return it_.last_session;
}

StateTable::Session* StateTable::Live(SessionId session) {
  const auto found = it_.sessions.find(session);
  return found == it_.sessions.end() || found->second.cut ? nullptr : &found->second;
}

void StateTable::Close(SessionId session) {
  const auto found = it_.sessions.find(session);
  if (found == it_.sessions.end()) return;
  CancelPuts(found->second);
  for (const auto& [ref, count] : found->second.leases) {
    const Place place = PlaceAt(ref);
    for (uint32_t i = 0; i < count; ++i) Unpin(place);
  }
  it_.sessions.erase(found);
}

void StateTable::Cut(SessionId session) {
  Session* const live = Live(session);
  if (live == nullptr) return;
  CancelPuts(*live);
  live->cut = true;
}

void StateTable::CancelPuts(Session& session) {
  const std::vector<Ref> puts(session.puts.begin(), session.puts.end());
  for (const Ref& ref : puts) Cancel(PlaceAt(ref));
}

// ---- puts ----

bool StateTable::TooOld(const StateKey& key, const Version& version) const {
  const auto step = it_.steps.find(key.job);
  return step != it_.steps.end() && Expired(version, step->second);
}

bool StateTable::FresherThere(const StateKey& key, const Version& version) const {
  const auto found = it_.index.find(key);
  if (found == it_.index.end()) return false;
  const Version& stored = it_.slots.At(PlaceAt(found->second)).version;
  return stored.lineage == version.lineage && stored.step > version.step;
}

StateTable::Granted StateTable::Reserve(SessionId session, const StateKey& key,
                                        const Version& version, uint64_t bytes) {
  Session* const live = Live(session);
  if (live == nullptr) return {Answer::kNoSession, {}, {}};
  const std::optional<uint64_t> size = it_.slots.ClassOf(bytes);
  if (!size || !classes_.contains(*size)) return {Answer::kBadSize, {}, {}};
  if (TooOld(key, version) || FresherThere(key, version)) return {Answer::kStale, {}, {}};
  if (!Within(live->put_bytes, *size, limits_.put_bytes_client_max)) {
    return {Answer::kQuota, {}, {}};
  }
  std::optional<Granted::Evicted> evicted;
  const std::optional<Place> place = MakePlace(*size, evicted);
  if (!place) return {Answer::kNoSpace, {}, {}};
  Slot& slot = it_.slots.At(*place);
  slot.writer = session;
  slot.bytes = bytes;
  slot.key = key;
  slot.version = version;
  live->puts.insert(RefOf(*place));
  live->put_bytes += *size;
  return {Answer::kOk, *place, evicted};
}

bool StateTable::BeginWrite(const Place& place) {
  if (!it_.slots.IsCurrent(place)) return false;
  Slot& slot = it_.slots.At(place);
  if (slot.state != SlotState::kReserved) return false;
  slot.state = SlotState::kWriting;
  return true;
}

Answer StateTable::EndWrite(const Place& place, bool complete) {
  Slot& slot = it_.slots.At(place);
  LRTI_CHECK(slot.state == SlotState::kWriting);
  const bool gone = slot.doomed || !complete;
  const bool stale = TooOld(slot.key, slot.version) || FresherThere(slot.key, slot.version);
  EndPut(place);
  if (gone || stale) {
    it_.slots.Free(place);
    return gone ? Answer::kGone : Answer::kStale;
  }
  Forget(slot.key);
  slot.state = SlotState::kCommitted;
  it_.index.emplace(slot.key, RefOf(place));
  it_.buckets[{slot.key.job, slot.version}].insert(RefOf(place));
  return Answer::kOk;
}

void StateTable::Cancel(const Place& place) {
  if (!it_.slots.IsCurrent(place)) return;
  Slot& slot = it_.slots.At(place);
  if (slot.state == SlotState::kWriting) {
    EndPut(place);
    slot.doomed = true;
  } else if (slot.state == SlotState::kReserved) {
    EndPut(place);
    it_.slots.Free(place);
  }
}

// The put no longer counts for its client.
void StateTable::EndPut(const Place& place) {
  Slot& slot = it_.slots.At(place);
  const auto found = it_.sessions.find(slot.writer);
  slot.writer = 0;
  if (found == it_.sessions.end()) return;  // cancelled before
  if (found->second.puts.erase(RefOf(place)) > 0) found->second.put_bytes -= SlotBytes(place);
}

void StateTable::CancelPutsOf(uint64_t job) {
  for (auto& [id, session] : it_.sessions) {
    const std::vector<Ref> puts(session.puts.begin(), session.puts.end());
    for (const Ref& ref : puts) {
      if (it_.slots.At(PlaceAt(ref)).key.job == job) Cancel(PlaceAt(ref));
    }
  }
}

// ---- room ----

uint64_t StateTable::SlotBytes(const Place& place) const {
  return it_.slots.extents()[place.extent].class_bytes;
}

std::optional<Place> StateTable::MakePlace(uint64_t class_bytes,
                                           std::optional<Granted::Evicted>& evicted) {
  std::optional<Place> place = it_.slots.Reserve(class_bytes);
  if (place) return place;
  // A class below its fair share of the pool takes from others before it loses states of its own.
  const uint64_t share = it_.slots.extents().size() / classes_.size();
  const bool poor = it_.slots.ExtentsOf(class_bytes) < share;
  const bool made = poor ? EmptyExtent(class_bytes) || EvictOne(class_bytes, evicted)
                         : EvictOne(class_bytes, evicted) || EmptyExtent(class_bytes);
  if (made) place = it_.slots.Reserve(class_bytes);
  return place;
}

// CLOCK: the hand goes around the class's slots; one that was asked for since it last came by is
// passed over once.
bool StateTable::EvictOne(uint64_t class_bytes, std::optional<Granted::Evicted>& evicted) {
  const uint64_t extents = it_.slots.ExtentsOf(class_bytes);
  if (extents == 0) return false;
  Ref& hand = it_.hands[class_bytes];
  Ref ref = SlotOfClass(hand, class_bytes);
  const uint64_t slots = extents * it_.slots.extents()[ref.extent].slots.size();
  for (uint64_t i = 0; i < 2 * slots; ++i) {
    const Slot& slot = it_.slots.extents()[ref.extent].slots[ref.slot];
    const Ref next = SlotOfClass({ref.extent, ref.slot + 1}, class_bytes);
    if (slot.state == SlotState::kCommitted && slot.pins == 0) {
      if (!slot.visited) {
        hand = next;
        evicted = {slot.key, slot.bytes};
        Forget(evicted->key);
        ++evicted_;
        return true;
      }
      it_.slots.At(PlaceAt(ref)).visited = false;
    }
    ref = next;
  }
  return false;
}

// The first slot of the class from `from` on, around the pool. REQUIRES: the class has an extent.
StateTable::Ref StateTable::SlotOfClass(Ref from, uint64_t class_bytes) const {
  const auto& extents = it_.slots.extents();
  while (from.extent >= extents.size() || extents[from.extent].class_bytes != class_bytes ||
         from.slot >= extents[from.extent].slots.size()) {
    from = {from.extent + 1 < extents.size() ? from.extent + 1 : 0, 0};
  }
  return from;
}

// Takes the extent with the fewest states from a class that has at least its fair share; a class
// without any extent takes it from whoever has one.
bool StateTable::EmptyExtent(uint64_t class_bytes) {
  const auto& extents = it_.slots.extents();
  const uint64_t share = extents.size() / classes_.size();
  const bool has_none = it_.slots.ExtentsOf(class_bytes) == 0;
  const Slots::Extent* victim = nullptr;
  for (const Slots::Extent& extent : extents) {
    if (extent.class_bytes == class_bytes || extent.class_bytes == 0) continue;
    if (!has_none && it_.slots.ExtentsOf(extent.class_bytes) <= share) continue;
    if (std::ranges::any_of(extent.slots, IsBusy)) continue;
    if (victim == nullptr || extent.in_use < victim->in_use) victim = &extent;
  }
  if (victim == nullptr) return false;
  std::vector<StateKey> keys;
  for (const Slot& slot : victim->slots) {
    if (slot.state == SlotState::kCommitted) keys.push_back(slot.key);
  }
  for (const StateKey& key : keys) Forget(key);
  evicted_ += keys.size();
  return true;
}

// ---- reads ----

StateTable::Found StateTable::Lookup(const StateKey& key, const Rule& rule) {
  const auto found = it_.index.find(key);
  if (found == it_.index.end()) return {};
  const Place place = PlaceAt(found->second);
  Slot& slot = it_.slots.At(place);
  if (!rule.Accepts(slot.version)) return {Answer::kStale, slot.version, {}, 0};
  slot.visited = true;
  return {Answer::kOk, slot.version, place, slot.bytes};
}

StateTable::Found StateTable::Lease(SessionId session, const StateKey& key, const Rule& rule) {
  Session* const live = Live(session);
  if (live == nullptr) return {Answer::kNoSession, {}, {}, 0};
  Found found = Lookup(key, rule);
  if (found.answer != Answer::kOk) return found;
  const uint64_t bytes = SlotBytes(found.place);
  if (!Within(live->leased_bytes, bytes, limits_.leased_bytes_client_max) ||
      !Within(it_.leased_bytes, bytes, limits_.leased_bytes_max)) {
    return {Answer::kQuota, found.version, {}, 0};
  }
  ++it_.slots.At(found.place).pins;
  ++live->leases[RefOf(found.place)];
  live->leased_bytes += bytes;
  it_.leased_bytes += bytes;
  return found;
}

bool StateTable::Release(SessionId session, const Place& place) {
  const auto found = it_.sessions.find(session);
  if (found == it_.sessions.end() || !it_.slots.IsCurrent(place)) return false;
  const auto lease = found->second.leases.find(RefOf(place));
  if (lease == found->second.leases.end()) return false;
  if (--lease->second == 0) found->second.leases.erase(lease);
  found->second.leased_bytes -= SlotBytes(place);
  Unpin(place);
  return true;
}

void StateTable::Unpin(const Place& place) {
  Slot& slot = it_.slots.At(place);
  LRTI_CHECK(slot.pins > 0);
  it_.leased_bytes -= SlotBytes(place);
  if (--slot.pins == 0 && slot.state == SlotState::kRetired) it_.slots.Free(place);
}

bool StateTable::IsServed(const Place& place) const {
  return it_.slots.IsCurrent(place) && it_.slots.At(place).state == SlotState::kCommitted;
}

// ---- forgetting ----

// Takes the state out of every list; its slot is free once nobody reads it.
void StateTable::Forget(const StateKey& key) {
  const auto found = it_.index.find(key);
  if (found == it_.index.end()) return;
  const Place place = PlaceAt(found->second);
  Slot& slot = it_.slots.At(place);
  const auto bucket = it_.buckets.find({key.job, slot.version});
  bucket->second.erase(found->second);
  if (bucket->second.empty()) it_.buckets.erase(bucket);
  it_.index.erase(found);
  if (unserved_) unserved_(place);
  slot.state = SlotState::kRetired;
  if (slot.pins == 0) it_.slots.Free(place);
}

void StateTable::Erase(std::span<const StateKey> keys) {
  const std::set<StateKey> named(keys.begin(), keys.end());
  for (const StateKey& key : named) Forget(key);
  for (auto& [id, session] : it_.sessions) {
    const std::vector<Ref> puts(session.puts.begin(), session.puts.end());
    for (const Ref& ref : puts) {
      if (named.contains(it_.slots.At(PlaceAt(ref)).key)) Cancel(PlaceAt(ref));
    }
  }
}

void StateTable::Invalidate(uint64_t job) {
  CancelPutsOf(job);
  it_.steps.erase(job);
  while (true) {
    const auto bucket = it_.buckets.lower_bound({.job = job});
    if (bucket == it_.buckets.end() || bucket->first.job != job) return;
    DropBucket(Bucket(bucket->first));
  }
}

void StateTable::DropBucket(const Bucket& bucket) {
  const std::set<Ref> refs = it_.buckets.at(bucket);
  for (const Ref& ref : refs) Forget(StateKey(it_.slots.At(PlaceAt(ref)).key));
}

void StateTable::AdvanceStep(uint64_t job, const Rule& now) {
  const auto last = it_.steps.find(job);
  if (last != it_.steps.end() && last->second.lineage == now.lineage &&
      last->second.step > now.step) {
    return;
  }
  it_.steps[job] = now;
  std::vector<Bucket> gone;
  for (auto bucket = it_.buckets.lower_bound({.job = job});
       bucket != it_.buckets.end() && bucket->first.job == job;) {
    if (Expired(bucket->first.version, now)) {
      gone.push_back(bucket->first);
      ++bucket;
    } else {  // the rest of this lineage is fresher
      bucket = it_.buckets.upper_bound(
          {job, {bucket->first.version.lineage, std::numeric_limits<uint64_t>::max()}});
    }
  }
  for (const Bucket& bucket : gone) {
    expired_ += it_.buckets.at(bucket).size();
    DropBucket(bucket);
  }
}

StateTable::Stats StateTable::GetStats() const {
  Stats stats{.entries = it_.index.size(),
              .leased_bytes = it_.leased_bytes,
              .evicted = evicted_,
              .expired = expired_};
  for (const Slots::Extent& extent : it_.slots.extents()) {
    stats.pool_bytes += extent.class_bytes * extent.in_use;
    for (const Slot& slot : extent.slots) {
      if (slot.state == SlotState::kCommitted)
        stats.bytes += slot.bytes;
      else if (slot.state != SlotState::kFree)
        ++stats.slots_busy;
    }
  }
  return stats;
}

std::map<uint64_t, StateTable::Held> StateTable::HeldByJob() const {
  std::map<uint64_t, Held> held;
  for (const Slots::Extent& extent : it_.slots.extents()) {
    for (const Slot& slot : extent.slots) {
      if (slot.state != SlotState::kCommitted) continue;
      Held& of_job = held[slot.key.job];
      ++of_job.states;
      of_job.bytes += slot.bytes;
    }
  }
  return held;
}

}  // namespace lrti::cache
