#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/coordinator/logs/spool_store.h"

namespace lrti::coordinator {

/// What of a job's logs a reader has seen: moves over the ranks of one attempt, then to the next.
class LogTail {
 public:
  struct Request {
    std::string job;
    int64_t attempt = 0;  // to begin with; 0: the first, which is yet to come
    int64_t rank = -1;    // this one alone; -1: all
    int64_t tail_lines = 0;
    std::map<int64_t, uint64_t> offsets;  // where to go on in `attempt`, by rank
  };

  struct Chunk {
    int64_t attempt = 0;
    int64_t rank = 0;
    uint64_t offset = 0;
    std::string data;
    bool complete = false;
    uint64_t missing = 0;  // bytes right before `offset` that were not kept
  };
  /// Takes a chunk; false: the reader is gone.
  using Take = std::function<bool(Chunk)>;

  /// `spool` outlives it.
  LogTail(const SpoolStore& spool, Request request);

  /// Hands over all that is new of the attempt, with the news that a rank's log is complete once.
  /// False: the reader is gone. Errors: of the disk.
  absl::StatusOr<bool> Advance(const Take& take);

  /// All of `ranks` ranks wrote their last byte, and it was handed over.
  bool AttemptComplete(int64_t ranks) const;

  /// Goes on with another attempt, from its begin.
  void MoveTo(int64_t attempt);
  int64_t attempt() const { return request_.attempt; }

 private:
  absl::StatusOr<bool> AdvanceRank(int64_t rank, const Take& take);
  std::vector<int64_t> Ranks() const;

  const SpoolStore& spool_;
  Request request_;
  std::map<int64_t, uint64_t> offsets_;  // by rank
  std::set<int64_t> complete_;
};

}  // namespace lrti::coordinator
