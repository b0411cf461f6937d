#include "services/coordinator/state/assignments.h"

#include <algorithm>

#include "services/coordinator/state/transitions.h"

namespace lrti::coordinator {
namespace {

using enum JobState;

Order OrderOf(const JobRecord& job) {
  if (!IsEnding(job.state)) return Order::kRun;
  const bool saves = job.state == kCheckpointing || job.state == kPausing;
  // Ranks whose peer has failed cannot save any more.
  return saves && !job.current->cause ? Order::kStop : Order::kKill;
}

absl::Duration GraceOf(const JobRecord& job, const Rules& rules) {
  if (job.checkpoint_time == absl::ZeroDuration()) return rules.grace_unknown;
  return std::clamp(2 * job.checkpoint_time, rules.grace_min, rules.grace_max);
}

Assignment AssignmentOf(const JobRecord& job, const Live& live, const Rules& rules,
                        const std::string& agent) {
  Assignment assignment;
  assignment.submission = job.submission;
  assignment.attempt = job.attempt;
  assignment.order = OrderOf(job);
  assignment.grace = GraceOf(job, rules);
  assignment.world_size = static_cast<int64_t>(job.current->ranks.size());
  assignment.restarts = job.restarts.total();
  for (const RankPlace& place : job.current->ranks) {
    if (place.agent == agent) assignment.ranks.push_back(place);
  }
  const AttemptLive* attempt = FindAttempt(live, job.id(), job.attempt);
  if (attempt != nullptr && job.current->ranks.front().agent != agent) {
    assignment.rendezvous = attempt->rendezvous;
  }
  return assignment;
}

}  // namespace

std::vector<Assignment> AssignmentsOf(const Book& book, const Live& live, const Rules& rules,
                                      const std::string& agent) {
  std::vector<Assignment> assignments;
  const auto it = book.agents.find(agent);
  if (it == book.agents.end()) return assignments;
  for (const std::string& id : it->second.active) {
    assignments.push_back(AssignmentOf(*FindJob(book, id), live, rules, agent));
  }
  return assignments;
}

}  // namespace lrti::coordinator
