#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/coordinator/state/agent_record.h"
#include "services/coordinator/state/job_record.h"
#include "services/coordinator/state/ledger.h"

namespace lrti::coordinator {

/// The order in which jobs are given GPUs: higher priority first, then who came first.
struct QueuePlace {
  int64_t priority = 0;
  uint64_t submit_seq = 0;

  bool operator==(const QueuePlace&) const = default;
  bool operator<(const QueuePlace& other) const {
    return std::tuple(-priority, submit_seq) < std::tuple(-other.priority, other.submit_seq);
  }
};

/// All that the journal knows. A plain value: only Apply (apply.h) changes it, and the same updates
/// give the same book.
struct Book {
  uint64_t seq = 0;  // of the last update
  Moment at;         // of the last update

  std::map<std::string, JobRecord> jobs;  // by id
  std::map<std::string, AgentRecord> agents;
  std::unordered_map<std::string, std::string> requests;  // request id -> job
  std::vector<LedgerRow> ledger;
  std::map<std::string, uint64_t> peaks;  // greatest memory of a rank, by ShapeWith

  // Derived from the above; Apply keeps them.
  std::map<QueuePlace, std::string> pending;         // jobs in PENDING
  std::set<std::string> active;                      // jobs that hold GPUs
  std::map<uint64_t, std::string> by_submission;     // submit_seq -> job
  std::map<uint64_t, std::string> by_version;        // version -> job, for those who watch
  std::set<std::pair<uint64_t, std::string>> ended;  // (version, job) of jobs in a final state
  int64_t waiting = 0;                               // PENDING and PAUSED
  std::map<std::string, int64_t> gpus_used;          // by queue
};

/// The job of this id, or nullptr.
const JobRecord* FindJob(const Book& book, const std::string& job);

/// The job whose id is `name` or begins with it. Errors: NotFound; InvalidArgument when several do.
absl::StatusOr<const JobRecord*> JobNamed(const Book& book, const std::string& name);

}  // namespace lrti::coordinator
