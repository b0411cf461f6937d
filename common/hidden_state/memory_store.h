#pragma once

#include <map>

#include "common/base/mutex.h"
#include "common/hidden_state/store.h"

namespace lrti::hidden_state {

/// Keeps states in this process's memory, at most `bytes_max` bytes: payload plus
/// kEntryOverheadBytes for each state.
///
/// A full store refuses with kNoSpace and evicts nothing: which states nobody will ask for again is
/// known to the reader alone, who says so by Erase and Drop. A state that replaces one of its key
/// needs room for the difference only; when that is refused, the old one stays.
///
/// Thread-safe. Blobs are shared, not copied: a hit holds its bytes alive after Erase and Drop, and
/// such bytes no longer count.
class MemoryStore final : public Store {
 public:
  /// What an entry costs beside its payload: tree node, blob header, shape.
  static constexpr uint64_t kEntryOverheadBytes = 256;

  explicit MemoryStore(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  [[nodiscard]] std::vector<PutStatus> Put(std::span<const PutItem> items) override;
  [[nodiscard]] std::vector<GetResult> Get(std::span<const StateKey> keys,
                                           const Rule& rule) override;
  void Erase(std::span<const StateKey> keys) override;
  void Drop(uint64_t job) override;
  Stats GetStats() const override;

 private:
  struct Entry {
    Version version;
    std::shared_ptr<const Blob> blob;
  };
  using Entries = std::map<StateKey, Entry>;

  PutStatus PutOne(const PutItem& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  GetResult GetOne(const StateKey& key, const Rule& rule) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Entries::iterator Forget(Entries::iterator entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t bytes_max_;
  mutable Mutex mutex_;
  Entries entries_ ABSL_GUARDED_BY(mutex_);
  Stats stats_ ABSL_GUARDED_BY(mutex_);  // `entries` is filled in when asked for
};

}  // namespace lrti::hidden_state
