#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/cache/node/tier.h"
#include "services/cache/redis/config.h"

namespace lrti::cache {

struct RedisStats {
  bool up = false;
  uint64_t queued = 0;      // states on their way to Redis
  uint64_t forgetting = 0;  // calls of Forget that Redis has not carried out
  uint64_t connects = 0;    // so far, as all below
  uint64_t demoted = 0;     // written whole
  uint64_t demoted_bytes = 0;
  uint64_t dropped = 0;  // not written: no room in the queue, Redis away, or it refused
  uint64_t hits = 0;
  uint64_t misses = 0;  // nothing there, or a gap in it
  uint64_t stale = 0;
  uint64_t corrupt = 0;  // a manifest or bytes that do not agree with themselves
  uint64_t failed = 0;   // no answer in time, or Redis away
};

/// Demoted states in a Redis or Valkey, in the layout of common/hidden_state/wire/manifest.h and
/// job_index.h.
///
/// Its failure shows in the hit rate alone: while Redis is away every Fetch misses at once and
/// every Demote drops; it is tried again with growing pauses. A state is written behind the
/// caller's back, chunks first and its entry in the job's index last; what a reader gets is whole,
/// obeys its rule, and agrees with its CRCs.
///
/// What Forget promises holds also when Redis is away: the job or the states are not looked for
/// until Redis has confirmed that they are gone. Call Forget before the node forgets them itself.
///
/// Thread-safe. One thread of its own.
class RedisTier final : public Tier {
 public:
  /// `warn` is told, from the tier's thread, when Redis goes and comes.
  /// Errors: InvalidArgument for an endpoint that cannot be; as ReadFile for the password's file.
  static absl::StatusOr<std::unique_ptr<RedisTier>> Start(
      const RedisConfig& config, std::function<void(const std::string&)> warn);

  /// Ends all Fetches; what was not yet written is dropped.
  ~RedisTier() override;

  void Demote(TierItem item, std::span<const std::byte> payload) override;
  void Fetch(Wanted wanted) override;
  void Forget(uint64_t job) override;
  void Forget(std::span<const hidden_state::StateKey> keys) override;

  RedisStats GetStats() const;

 private:
  class Loop;
  explicit RedisTier(std::unique_ptr<Loop> loop);

  std::unique_ptr<Loop> loop_;
};

}  // namespace lrti::cache
