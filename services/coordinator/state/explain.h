#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/coordinator/state/book.h"
#include "services/coordinator/state/live.h"
#include "services/coordinator/state/rules.h"

namespace lrti::coordinator {

struct Explanation {
  std::string reason;  // pending or end reason; empty while it runs
  std::string meaning;
  std::string next_step;
  std::vector<std::string> facts;
  std::vector<std::string> nearest;  // "fits with 6 GPUs", "needs +3 GiB of GPU memory"
};

/// Why the job is where it is, and what to do.
Explanation Explain(const Book& book, const Live& live, const Rules& rules, const JobRecord& job,
                    Moment now);

struct Fit {
  bool fits = false;   // the agents of now could run it, were they free
  std::string advice;  // otherwise: the nearest that would
};
Fit CouldRun(const Book& book, const Live& live, const Rules& rules, const Submission& submission,
             Moment now);

/// The pending reason's word while PENDING, else empty.
std::string PendingReasonOf(const Live& live, const JobRecord& job);

}  // namespace lrti::coordinator
