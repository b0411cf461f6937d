#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "services/coordinator/logs/spool_store.h"

namespace lrti::coordinator {

/// Whole lines of a rank's events without the heartbeats, a bounded piece at a time.
struct EventLines {
  std::string lines;
  uint64_t next = 0;      // offset behind what was read
  bool complete = false;  // nothing follows `next`
};

/// Lines from `offset` on: at most 64 KiB, or one line. Empty `lines` with a greater `next`: only
/// heartbeats were there. Errors: of the disk; DataLoss for a line that is longer than any event.
absl::StatusOr<EventLines> ReadEventLines(const SpoolStore& spool, const SpoolName& name,
                                          uint64_t offset);

}  // namespace lrti::coordinator
