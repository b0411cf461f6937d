#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/coordinator/state/book.h"
#include "services/coordinator/state/cluster.h"
#include "services/coordinator/state/rules.h"

namespace lrti::coordinator {

/// What a gang lacks to begin.
struct Need {
  int64_t gpus = 0;           // the fewest it begins with
  uint64_t memory_bytes = 0;  // of each
  int64_t quota_short = 0;    // GPUs that its queue must give back; at most 0: none
};

struct Room {
  bool will_be = false;              // once all of these have ended, the gang fits
  bool is_coming = false;            // something saves for it already
  std::vector<std::string> victims;  // jobs that shall save and make room now
};

/// Which jobs of lower priority make room for `head`: as few as will do, those of the lowest
/// priority first, among them who started last. What ends anyway is counted on first. None at all
/// when they would not do.
Room MakeRoom(const Book& book, const Cluster& cluster, const JobRecord& head, const Need& need);

}  // namespace lrti::coordinator
