#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/coordinator/state/book.h"
#include "services/coordinator/state/ledger.h"

namespace lrti::coordinator {

struct UsageQuery {
  absl::Time since = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();
  std::string by;       // project (also when empty), user, queue or job
  std::string project;  // this one alone; empty: all
};

struct UsageRow {
  std::string key;
  int64_t allocated_gpu_us = 0;   // running attempts included
  int64_t productive_gpu_us = 0;  // of attempts that ended
  std::array<int64_t, kWastes> wasted_gpu_us = {};
  int64_t jobs = 0;
};

/// GPU time by key, sorted by it. Leases that lie in part between `since` and `until` count by that
/// part; their split alike. Errors: InvalidArgument for an unknown `by`.
absl::StatusOr<std::vector<UsageRow>> UsageOf(const Book& book, const UsageQuery& query,
                                              Moment now);

}  // namespace lrti::coordinator
