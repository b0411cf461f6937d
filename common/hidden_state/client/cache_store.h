#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/hidden_state/client/blob_pool.h"
#include "common/hidden_state/client/client.h"
#include "common/hidden_state/client/ledger.h"
#include "common/hidden_state/store.h"

namespace lrti::hidden_state::client {

/// A Store whose states lie in cache nodes (client.h).
///
/// Nothing about the nodes makes a call fail: what cannot be had within the deadline is
/// kUnavailable, what cannot be stored is kNoSpace, and a reader recomputes. Erase and Drop that
/// do not reach a node are made up for before that node is asked anything else; other processes
/// may be served such states meanwhile.
///
/// GetStats counts this store's own lookups; what is kUnavailable counts as a miss. Its entries and
/// bytes are those of ledger.h.
///
/// Thread-safe.
class CacheStore final : public Store {
 public:
  struct Options {
    Client::Options client;
    absl::Duration get_deadline = absl::Milliseconds(200);  // also of Erase and Drop
    absl::Duration put_deadline = absl::Seconds(1);
    uint64_t spare_bytes_max = uint64_t{256} << 20;  // memory of hits let go, kept for the next
  };

  /// Errors: as Client::Create; InvalidArgument for a deadline that is not above zero.
  static absl::StatusOr<std::unique_ptr<CacheStore>> Create(const Options& options,
                                                            const Clock& clock);

  [[nodiscard]] std::vector<PutStatus> Put(std::span<const PutItem> items) override;
  [[nodiscard]] std::vector<GetResult> Get(std::span<const StateKey> keys,
                                           const Rule& rule) override;
  void Erase(std::span<const StateKey> keys) override;
  void Drop(uint64_t job) override;
  Stats GetStats() const override;

  /// How items ended so far, by Fate.
  struct Counts {
    std::array<uint64_t, kFateNames.size()> puts{};
    std::array<uint64_t, kFateNames.size()> gets{};
    uint64_t forgets_late = 0;  // Erase and Drop that a node has not confirmed in time
  };
  Counts GetCounts() const;

  Client& client() { return *client_; }

 private:
  using Counters = std::array<std::atomic<uint64_t>, kFateNames.size()>;

  CacheStore(const Options& options, std::unique_ptr<Client> client);

  const Options options_;
  const std::unique_ptr<Client> client_;
  BlobPool blobs_;
  Ledger ledger_;
  Counters puts_{};
  Counters gets_{};
  std::atomic<uint64_t> forgets_late_ = 0;
};

}  // namespace lrti::hidden_state::client
