#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include "common/hidden_state/store.h"

namespace lrti::hidden_state {

/// For tests: loses chosen states on the way out of another store, which it does not own.
/// Thread-safe when `lose` is; `lose` is asked once for each key of each Get.
class FaultyStore final : public Store {
 public:
  using Predicate = std::function<bool(const StateKey&)>;

  FaultyStore(Store& inner, Predicate lose, GetStatus as = GetStatus::kUnavailable)
      : inner_(inner), lose_(std::move(lose)), as_(as) {}

  [[nodiscard]] std::vector<PutStatus> Put(std::span<const PutItem> items) override {
    return inner_.Put(items);
  }

  [[nodiscard]] std::vector<GetResult> Get(std::span<const StateKey> keys,
                                           const Rule& rule) override {
    std::vector<GetResult> results = inner_.Get(keys, rule);
    for (size_t i = 0; i < keys.size(); ++i) {
      if (!lose_(keys[i])) continue;
      results[i] = {as_, {}, nullptr};
      ++lost_;
    }
    return results;
  }

  void Erase(std::span<const StateKey> keys) override { inner_.Erase(keys); }
  void Drop(uint64_t job) override { inner_.Drop(job); }
  Stats GetStats() const override { return inner_.GetStats(); }

  /// Gets that were lost so far.
  uint64_t lost() const { return lost_; }

 private:
  Store& inner_;
  Predicate lose_;
  GetStatus as_;
  std::atomic<uint64_t> lost_ = 0;
};

}  // namespace lrti::hidden_state
