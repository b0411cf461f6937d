#include "common/hidden_state/memory_store.h"

#include "common/hidden_state/blob.h"

namespace lrti::hidden_state {
namespace {

bool Fresher(const Version& stored, const Version& offered) {
  return stored.lineage == offered.lineage && stored.step > offered.step;
}

}  // namespace

std::vector<PutStatus> MemoryStore::Put(std::span<const PutItem> items) {
  std::vector<PutStatus> statuses;
  statuses.reserve(items.size());
  MutexLock lock(mutex_);
  for (const PutItem& item : items) statuses.push_back(PutOne(item));
  return statuses;
}

PutStatus MemoryStore::PutOne(const PutItem& item) {
  if (item.blob == nullptr || !WellFormed(*item.blob)) return PutStatus::kBadShape;
  const auto found = entries_.find(item.key);
  const bool replaces = found != entries_.end();
  if (replaces && Fresher(found->second.version, item.version)) return PutStatus::kStale;

  const uint64_t bytes =
      stats_.bytes - (replaces ? found->second.blob->bytes.size() : 0) + item.blob->bytes.size();
  const uint64_t entries = entries_.size() + (replaces ? 0 : 1);
  if (bytes + entries * kEntryOverheadBytes > bytes_max_) return PutStatus::kNoSpace;

  entries_.insert_or_assign(item.key, Entry{item.version, item.blob});
  stats_.bytes = bytes;
  return PutStatus::kStored;
}

std::vector<GetResult> MemoryStore::Get(std::span<const StateKey> keys, const Rule& rule) {
  std::vector<GetResult> results;
  results.reserve(keys.size());
  MutexLock lock(mutex_);
  for (const StateKey& key : keys) results.push_back(GetOne(key, rule));
  return results;
}

GetResult MemoryStore::GetOne(const StateKey& key, const Rule& rule) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    ++stats_.misses;
    return {GetStatus::kMiss, {}, nullptr};
  }
  const Entry& entry = found->second;
  if (!rule.Accepts(entry.version)) {
    ++stats_.stale;
    return {GetStatus::kStale, entry.version, nullptr};
  }
  ++stats_.hits;
  return {GetStatus::kHit, entry.version, entry.blob};
}

void MemoryStore::Erase(std::span<const StateKey> keys) {
  MutexLock lock(mutex_);
  for (const StateKey& key : keys) {
    if (const auto found = entries_.find(key); found != entries_.end()) Forget(found);
  }
}

void MemoryStore::Drop(uint64_t job) {
  MutexLock lock(mutex_);
  StateKey first;  // the job leads the order of keys, and zero is the least of all other fields
  first.job = job;
  auto entry = entries_.lower_bound(first);
  while (entry != entries_.end() && entry->first.job == job) entry = Forget(entry);
}

MemoryStore::Entries::iterator MemoryStore::Forget(Entries::iterator entry) {
  stats_.bytes -= entry->second.blob->bytes.size();
  return entries_.erase(entry);
}

Store::Stats MemoryStore::GetStats() const {
  MutexLock lock(mutex_);
  Stats stats = stats_;
  stats.entries = entries_.size();
  return stats;
}

}  // namespace lrti::hidden_state
